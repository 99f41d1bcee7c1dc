"""The card number in a certificate, or in a request for one, in an extension of SITHS.

>>> number_in(x509.Extensions([]))
''
"""

from cryptography import x509

CARD_NUMBER_OID = x509.ObjectIdentifier("1.2.752.34.2.1")


def certificate_number(certificate: x509.Certificate) -> str:
    """The card number in a certificate; empty where its issuer does not write it there. Raises ValueError and its like."""
    return number_in(certificate.extensions)


def number_in(extensions: x509.Extensions) -> str:
    """The card number among these extensions; empty where there is none. Raises ValueError."""
    for extension in extensions:
        if extension.oid == CARD_NUMBER_OID and isinstance(extension.value, x509.UnrecognizedExtension):
            return extension.value.value[2:].decode("ascii")  # after tag and length of a short PrintableString
    return ""
