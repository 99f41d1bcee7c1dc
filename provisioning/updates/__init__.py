"""Updates of a station's image: slots and their boot loaders, bundles and what is checked of them."""
