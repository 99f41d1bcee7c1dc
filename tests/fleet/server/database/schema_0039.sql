-- The tables of revision 0039, the first schema, in PostgreSQL's words: the test translates them for SQLite.
CREATE TABLE stations (
    id SERIAL NOT NULL,
    name VARCHAR(40) NOT NULL,
    online BOOLEAN NOT NULL,
    state TEXT,
    heard TIMESTAMP WITH TIME ZONE,
    retired TIMESTAMP WITH TIME ZONE,
    retired_by VARCHAR(64),
    retired_why TEXT,
    CONSTRAINT pk_stations PRIMARY KEY (id),
    CONSTRAINT uq_stations_name UNIQUE (name)
);
CREATE TABLE administrators (
    hsa_id VARCHAR(64) NOT NULL,
    name TEXT NOT NULL,
    roles VARCHAR(16) DEFAULT 'KRA' NOT NULL,
    level INTEGER DEFAULT 3 NOT NULL,
    scope TEXT DEFAULT '*' NOT NULL,
    valid_from VARCHAR(10),
    valid_until VARCHAR(10),
    CONSTRAINT pk_administrators PRIMARY KEY (hsa_id)
);
CREATE TABLE alarms (
    station VARCHAR(40) NOT NULL,
    code VARCHAR(32) NOT NULL,
    argument TEXT NOT NULL,
    first TIMESTAMP WITH TIME ZONE NOT NULL,
    last TIMESTAMP WITH TIME ZONE NOT NULL,
    times INTEGER NOT NULL,
    CONSTRAINT pk_alarms PRIMARY KEY (station, code)
);
CREATE TABLE alerts (
    id BIGSERIAL NOT NULL,
    station VARCHAR(40) NOT NULL,
    code VARCHAR(32) NOT NULL,
    subject VARCHAR(64) NOT NULL,
    severity VARCHAR(8) NOT NULL,
    detail TEXT NOT NULL,
    first TIMESTAMP WITH TIME ZONE NOT NULL,
    last TIMESTAMP WITH TIME ZONE NOT NULL,
    times INTEGER NOT NULL,
    silent BOOLEAN NOT NULL,
    closed TIMESTAMP WITH TIME ZONE,
    acknowledged TIMESTAMP WITH TIME ZONE,
    by VARCHAR(64),
    note TEXT,
    stations INTEGER,
    still INTEGER,
    outage BIGINT,
    CONSTRAINT pk_alerts PRIMARY KEY (id)
);
CREATE INDEX ix_alerts_closed_last ON alerts (closed, last);
CREATE INDEX ix_alerts_outage ON alerts (outage);
CREATE UNIQUE INDEX uq_alerts_open ON alerts (station, code, subject) WHERE (closed IS NULL);
CREATE TABLE audit (
    sequence BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    who VARCHAR(64) NOT NULL,
    action VARCHAR(32) NOT NULL,
    entry TEXT NOT NULL,
    hash VARCHAR(64) NOT NULL,
    CONSTRAINT pk_audit PRIMARY KEY (sequence)
);
CREATE INDEX ix_audit_action ON audit (action);
CREATE INDEX ix_audit_who ON audit (who);
CREATE TABLE audit_head (
    id INTEGER NOT NULL,
    sequence BIGINT NOT NULL,
    hash VARCHAR(64) NOT NULL,
    CONSTRAINT pk_audit_head PRIMARY KEY (id)
);
CREATE TABLE batch_stops (
    batch VARCHAR(40) NOT NULL,
    due INTEGER NOT NULL,
    most INTEGER NOT NULL,
    found TIMESTAMP WITH TIME ZONE NOT NULL,
    until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_batch_stops PRIMARY KEY (batch)
);
CREATE TABLE certificate_requests (
    id VARCHAR(32) NOT NULL,
    card_number VARCHAR(40) NOT NULL,
    hsa_id VARCHAR(64) NOT NULL,
    profile VARCHAR(16) NOT NULL,
    loa INTEGER NOT NULL,
    last_day VARCHAR(10) NOT NULL,
    station VARCHAR(40) NOT NULL,
    key TEXT NOT NULL,
    request TEXT NOT NULL,
    made TIMESTAMP WITH TIME ZONE NOT NULL,
    chain TEXT,
    given TIMESTAMP WITH TIME ZONE,
    fetched TIMESTAMP WITH TIME ZONE,
    ended TIMESTAMP WITH TIME ZONE,
    cause VARCHAR(16),
    CONSTRAINT pk_certificate_requests PRIMARY KEY (id)
);
CREATE INDEX ix_certificate_requests_card_number ON certificate_requests (card_number);
CREATE INDEX ix_certificate_requests_given ON certificate_requests (given);
CREATE TABLE certificates (
    card_number VARCHAR(40) NOT NULL,
    serial VARCHAR(64) NOT NULL,
    hsa_id VARCHAR(64) NOT NULL,
    profile VARCHAR(16) NOT NULL,
    loa INTEGER NOT NULL,
    last_day VARCHAR(10) NOT NULL,
    station VARCHAR(40) NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_certificates PRIMARY KEY (card_number, serial)
);
CREATE INDEX ix_certificates_last_day ON certificates (last_day);
CREATE TABLE commands (
    id BIGSERIAL NOT NULL,
    station VARCHAR(40) NOT NULL,
    command VARCHAR(16) NOT NULL,
    slot INTEGER,
    message VARCHAR(16),
    reason TEXT NOT NULL,
    by VARCHAR(64) NOT NULL,
    asked TIMESTAMP WITH TIME ZONE NOT NULL,
    valid_s INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    decide_by TIMESTAMP WITH TIME ZONE,
    second VARCHAR(64),
    approved TIMESTAMP WITH TIME ZONE,
    sequence BIGINT,
    not_after TIMESTAMP WITH TIME ZONE,
    jws TEXT,
    digest VARCHAR(64),
    published TIMESTAMP WITH TIME ZONE,
    ended TIMESTAMP WITH TIME ZONE,
    ended_by VARCHAR(64),
    result VARCHAR(160),
    detail TEXT,
    update_order TEXT,
    CONSTRAINT pk_commands PRIMARY KEY (id),
    CONSTRAINT uq_commands_station_sequence UNIQUE (station, sequence)
);
CREATE INDEX ix_commands_state ON commands (state);
CREATE INDEX ix_commands_station_asked ON commands (station, asked);
CREATE TABLE deadline_clock (
    one SERIAL NOT NULL,
    seen TIMESTAMP WITH TIME ZONE NOT NULL,
    steady TIMESTAMP WITH TIME ZONE NOT NULL,
    leapt TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_deadline_clock PRIMARY KEY (one)
);
CREATE TABLE deeds (
    rule VARCHAR(32) NOT NULL,
    subject VARCHAR(64) NOT NULL,
    due VARCHAR(10) NOT NULL,
    what VARCHAR(8) NOT NULL,
    did VARCHAR(8) NOT NULL,
    station VARCHAR(40) NOT NULL,
    card_number VARCHAR(40) NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_deeds PRIMARY KEY (rule, subject, due, what)
);
CREATE INDEX ix_deeds_at ON deeds (at);
CREATE INDEX ix_deeds_card_number ON deeds (card_number);
CREATE TABLE deliveries (
    id VARCHAR(64) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    received TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_deliveries PRIMARY KEY (id)
);
CREATE INDEX ix_deliveries_received ON deliveries (received);
CREATE TABLE directory_syncs (
    source VARCHAR(8) NOT NULL,
    tried TIMESTAMP WITH TIME ZONE NOT NULL,
    done TIMESTAMP WITH TIME ZONE,
    people INTEGER NOT NULL,
    error TEXT,
    CONSTRAINT pk_directory_syncs PRIMARY KEY (source)
);
CREATE TABLE envelope_resets (
    id BIGSERIAL NOT NULL,
    "order" VARCHAR(64) NOT NULL,
    station VARCHAR(40) NOT NULL,
    reason TEXT NOT NULL,
    by VARCHAR(64) NOT NULL,
    asked TIMESTAMP WITH TIME ZONE NOT NULL,
    decide_by TIMESTAMP WITH TIME ZONE NOT NULL,
    state VARCHAR(16) NOT NULL,
    second VARCHAR(64),
    claimed TIMESTAMP WITH TIME ZONE,
    ended TIMESTAMP WITH TIME ZONE,
    result VARCHAR(16),
    CONSTRAINT pk_envelope_resets PRIMARY KEY (id)
);
CREATE INDEX ix_envelope_resets_order ON envelope_resets ("order");
CREATE INDEX ix_envelope_resets_state ON envelope_resets (state);
CREATE TABLE errands (
    errand VARCHAR(64) NOT NULL,
    station INTEGER NOT NULL,
    kind VARCHAR(32) NOT NULL,
    started TIMESTAMP WITH TIME ZONE NOT NULL,
    ended TIMESTAMP WITH TIME ZONE,
    outcome VARCHAR(32),
    "order" VARCHAR(64),
    card_number VARCHAR(40),
    hsa_id VARCHAR(64),
    receipt VARCHAR(64),
    CONSTRAINT pk_errands PRIMARY KEY (errand, station),
    CONSTRAINT fk_errands_station FOREIGN KEY(station) REFERENCES stations (id)
);
CREATE INDEX ix_errands_card_number ON errands (card_number) WHERE (card_number IS NOT NULL);
CREATE INDEX ix_errands_hsa_id ON errands (hsa_id) WHERE (hsa_id IS NOT NULL);
CREATE INDEX ix_errands_order ON errands ("order") WHERE ("order" IS NOT NULL);
CREATE INDEX ix_errands_started_station ON errands (started, station);
CREATE INDEX ix_errands_stock ON errands (errand) WHERE kind = 'stock';
CREATE TABLE events (
    id BIGSERIAL NOT NULL,
    station INTEGER NOT NULL,
    epoch BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    type TEXT NOT NULL,
    time TEXT NOT NULL,
    subject TEXT,
    errand TEXT,
    envelope BYTEA NOT NULL,
    data BYTEA,
    salt TEXT,
    received TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (id),
    CONSTRAINT uq_events_station_epoch_sequence UNIQUE (station, epoch, sequence),
    CONSTRAINT fk_events_station FOREIGN KEY(station) REFERENCES stations (id)
);
CREATE INDEX ix_events_errand ON events (errand);
CREATE TABLE login_nonces (
    nonce VARCHAR(32) NOT NULL,
    station VARCHAR(40) NOT NULL,
    made TIMESTAMP WITH TIME ZONE NOT NULL,
    mandate VARCHAR(64),
    ask VARCHAR(32),
    CONSTRAINT pk_login_nonces PRIMARY KEY (nonce)
);
CREATE TABLE logins (
    hash VARCHAR(64) NOT NULL,
    browser VARCHAR(64) NOT NULL,
    verifier VARCHAR(128) NOT NULL,
    nonce VARCHAR(64) NOT NULL,
    onward TEXT NOT NULL,
    ends TIMESTAMP WITH TIME ZONE NOT NULL,
    step_up VARCHAR(64),
    begun TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_logins PRIMARY KEY (hash)
);
CREATE TABLE maintenance (
    id BIGSERIAL NOT NULL,
    content TEXT NOT NULL,
    by VARCHAR(64) NOT NULL,
    made TIMESTAMP WITH TIME ZONE NOT NULL,
    ended TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_maintenance PRIMARY KEY (id)
);
CREATE TABLE open_days (
    station VARCHAR(40) NOT NULL,
    day VARCHAR(10) NOT NULL,
    CONSTRAINT pk_open_days PRIMARY KEY (station, day)
);
CREATE TABLE orders (
    "order" VARCHAR(64) NOT NULL,
    hsa_id VARCHAR(64) NOT NULL,
    name TEXT,
    protected BOOLEAN NOT NULL,
    card_number VARCHAR(40) NOT NULL,
    product TEXT NOT NULL,
    loa INTEGER NOT NULL,
    station VARCHAR(40) NOT NULL,
    slot INTEGER NOT NULL,
    last_day VARCHAR(10) NOT NULL,
    envelope_key VARCHAR(64),
    envelope_mac VARCHAR(64),
    state VARCHAR(16) NOT NULL,
    changed TIMESTAMP WITH TIME ZONE NOT NULL,
    made TIMESTAMP WITH TIME ZONE DEFAULT '1970-01-01 00:00:00+00' NOT NULL,
    delivery VARCHAR(16) DEFAULT 'station' NOT NULL,
    CONSTRAINT pk_orders PRIMARY KEY ("order")
);
CREATE INDEX ix_orders_card_number ON orders (card_number);
CREATE INDEX ix_orders_changed ON orders (changed);
CREATE INDEX ix_orders_hsa_id ON orders (hsa_id);
CREATE INDEX ix_orders_state_changed ON orders (state, changed);
CREATE INDEX ix_orders_state_made ON orders (state, made);
CREATE INDEX ix_orders_station_state ON orders (station, state);
CREATE TABLE people (
    hsa_id VARCHAR(64) NOT NULL,
    name TEXT,
    protected BOOLEAN NOT NULL,
    "left" VARCHAR(10),
    continued BOOLEAN NOT NULL,
    name_changed VARCHAR(10),
    changed TIMESTAMP WITH TIME ZONE NOT NULL,
    mail TEXT,
    organisation TEXT,
    CONSTRAINT pk_people PRIMARY KEY (hsa_id)
);
CREATE INDEX ix_people_left ON people ("left");
CREATE INDEX ix_people_name_changed ON people (name_changed);
CREATE TABLE person_certificates (
    digest VARCHAR(32) NOT NULL,
    hsa_id VARCHAR(64) NOT NULL,
    last_day VARCHAR(10) NOT NULL,
    CONSTRAINT pk_person_certificates PRIMARY KEY (digest)
);
CREATE INDEX ix_person_certificates_hsa_id ON person_certificates (hsa_id);
CREATE INDEX ix_person_certificates_last_day ON person_certificates (last_day);
CREATE TABLE person_facts (
    hsa_id VARCHAR(64) NOT NULL,
    fact VARCHAR(16) NOT NULL,
    source VARCHAR(8) NOT NULL,
    value TEXT,
    seen TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_person_facts PRIMARY KEY (hsa_id, fact, source)
);
CREATE INDEX ix_person_facts_source_fact_seen ON person_facts (source, fact, seen);
CREATE TABLE replays (
    hash VARCHAR(64) NOT NULL,
    ends TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_replays PRIMARY KEY (hash)
);
CREATE TABLE replies (
    hash VARCHAR(64) NOT NULL,
    request VARCHAR(64) NOT NULL,
    began TIMESTAMP WITH TIME ZONE NOT NULL,
    status INTEGER,
    body BYTEA,
    CONSTRAINT pk_replies PRIMARY KEY (hash)
);
CREATE INDEX ix_replies_began ON replies (began);
CREATE TABLE requests (
    station VARCHAR(40) NOT NULL,
    id VARCHAR(32) NOT NULL,
    ask VARCHAR(16) NOT NULL,
    content TEXT NOT NULL,
    card_number VARCHAR(40) NOT NULL,
    who VARCHAR(64) NOT NULL,
    made TIMESTAMP WITH TIME ZONE NOT NULL,
    state VARCHAR(8) NOT NULL,
    tries INTEGER NOT NULL,
    due TIMESTAMP WITH TIME ZONE,
    tried TIMESTAMP WITH TIME ZONE,
    error TEXT,
    CONSTRAINT pk_requests PRIMARY KEY (station, id)
);
CREATE INDEX ix_requests_card_number ON requests (card_number);
CREATE INDEX ix_requests_due ON requests (due);
CREATE INDEX ix_requests_state_made ON requests (state, made);
CREATE TABLE station_claims (
    id BIGSERIAL NOT NULL,
    station VARCHAR(40) NOT NULL,
    salt VARCHAR(32) NOT NULL,
    digest VARCHAR(128) NOT NULL,
    made TIMESTAMP WITH TIME ZONE NOT NULL,
    made_by VARCHAR(64) NOT NULL,
    expires TIMESTAMP WITH TIME ZONE NOT NULL,
    wrong INTEGER NOT NULL,
    asked TIMESTAMP WITH TIME ZONE,
    address VARCHAR(64),
    key VARCHAR(64),
    other_key VARCHAR(64),
    approved BOOLEAN,
    decided TIMESTAMP WITH TIME ZONE,
    decided_by VARCHAR(64),
    CONSTRAINT pk_station_claims PRIMARY KEY (id)
);
CREATE INDEX ix_station_claims_station ON station_claims (station);
CREATE TABLE store_checks (
    one SERIAL NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    whole_at TIMESTAMP WITH TIME ZONE,
    events BIGINT NOT NULL,
    total BIGINT NOT NULL,
    differences TEXT NOT NULL,
    CONSTRAINT pk_store_checks PRIMARY KEY (one)
);
CREATE TABLE tokens (
    hash VARCHAR(64) NOT NULL,
    name VARCHAR(64) NOT NULL,
    role VARCHAR(24) NOT NULL,
    stations VARCHAR(64) NOT NULL,
    made TIMESTAMP WITH TIME ZONE NOT NULL,
    ends TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked BOOLEAN NOT NULL,
    CONSTRAINT pk_tokens PRIMARY KEY (hash),
    CONSTRAINT uq_tokens_name UNIQUE (name)
);
CREATE TABLE tries (
    key VARCHAR(80) NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    count INTEGER NOT NULL,
    CONSTRAINT pk_tries PRIMARY KEY (key)
);
CREATE TABLE users (
    id BIGSERIAL NOT NULL,
    name VARCHAR(64) NOT NULL,
    password TEXT,
    secret VARCHAR(64),
    step BIGINT NOT NULL,
    subject TEXT,
    disabled BOOLEAN NOT NULL,
    made TIMESTAMP WITH TIME ZONE NOT NULL,
    sealed_secret TEXT,
    hsa_id VARCHAR(64),
    hsa_until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT uq_users_name UNIQUE (name),
    CONSTRAINT uq_users_subject UNIQUE (subject)
);
CREATE TABLE wishes (
    station VARCHAR(40) NOT NULL,
    id VARCHAR(32) NOT NULL,
    ask VARCHAR(32) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    card_number VARCHAR(40) NOT NULL,
    people TEXT NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    reason VARCHAR(64),
    result TEXT,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    hold_reason VARCHAR(16),
    CONSTRAINT pk_wishes PRIMARY KEY (station, id)
);
CREATE INDEX ix_wishes_ask_outcome ON wishes (ask, outcome);
CREATE INDEX ix_wishes_card_number ON wishes (card_number);
CREATE INDEX ix_wishes_card_number_ask_outcome ON wishes (card_number, ask, outcome);
CREATE INDEX ix_wishes_station_ask_at ON wishes (station, ask, at);
CREATE TABLE worklist_acts (
    id BIGSERIAL NOT NULL,
    kind VARCHAR(24) NOT NULL,
    subject VARCHAR(64) NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    who VARCHAR(80) NOT NULL,
    act VARCHAR(16) NOT NULL,
    note VARCHAR(200) NOT NULL,
    CONSTRAINT pk_worklist_acts PRIMARY KEY (id)
);
CREATE INDEX ix_worklist_acts_at ON worklist_acts (at);
CREATE INDEX ix_worklist_acts_kind_subject ON worklist_acts (kind, subject);
CREATE TABLE worklist_mails (
    channel VARCHAR(64) NOT NULL,
    day VARCHAR(10) NOT NULL,
    CONSTRAINT pk_worklist_mails PRIMARY KEY (channel, day)
);
CREATE TABLE account_acts (
    "user" BIGINT NOT NULL,
    by BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    act VARCHAR(16) NOT NULL,
    CONSTRAINT pk_account_acts PRIMARY KEY ("user", by),
    CONSTRAINT fk_account_acts_by FOREIGN KEY(by) REFERENCES users (id),
    CONSTRAINT fk_account_acts_user FOREIGN KEY("user") REFERENCES users (id)
);
CREATE TABLE bin_cards (
    station INTEGER NOT NULL,
    epoch BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    card_number VARCHAR(40) NOT NULL,
    dropped TIMESTAMP WITH TIME ZONE NOT NULL,
    by_number BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT pk_bin_cards PRIMARY KEY (station, epoch, sequence),
    CONSTRAINT fk_bin_cards_station_stations FOREIGN KEY(station) REFERENCES stations (id)
);
CREATE INDEX ix_bin_cards_card_number ON bin_cards (card_number);
CREATE INDEX ix_bin_cards_station_dropped ON bin_cards (station, dropped);
CREATE TABLE bins (
    station INTEGER NOT NULL,
    emptied TIMESTAMP WITH TIME ZONE NOT NULL,
    by VARCHAR(64) NOT NULL,
    second VARCHAR(64) NOT NULL,
    counted INTEGER NOT NULL,
    expected INTEGER NOT NULL,
    sensor INTEGER,
    seal VARCHAR(32) NOT NULL,
    reason VARCHAR(32) NOT NULL,
    reference VARCHAR(32) NOT NULL,
    differs BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT pk_bins PRIMARY KEY (station),
    CONSTRAINT fk_bins_station_stations FOREIGN KEY(station) REFERENCES stations (id)
);
CREATE TABLE chains (
    station INTEGER NOT NULL,
    epoch BIGINT NOT NULL,
    highest BIGINT NOT NULL,
    gaps TEXT NOT NULL,
    head VARCHAR(64),
    intact BOOLEAN NOT NULL,
    CONSTRAINT pk_chains PRIMARY KEY (station, epoch),
    CONSTRAINT fk_chains_station FOREIGN KEY(station) REFERENCES stations (id)
);
CREATE TABLE checkpoints (
    station INTEGER NOT NULL,
    epoch BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    verdict VARCHAR(16),
    CONSTRAINT pk_checkpoints PRIMARY KEY (station, epoch, sequence),
    CONSTRAINT fk_checkpoints_station_stations FOREIGN KEY(station) REFERENCES stations (id)
);
CREATE INDEX ix_checkpoints_verdict ON checkpoints (verdict);
CREATE TABLE conflicts (
    id BIGSERIAL NOT NULL,
    station INTEGER NOT NULL,
    epoch BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    raw BYTEA NOT NULL,
    digest VARCHAR(64) NOT NULL,
    received TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_conflicts PRIMARY KEY (id),
    CONSTRAINT fk_conflicts_station FOREIGN KEY(station) REFERENCES stations (id),
    CONSTRAINT uq_conflicts_station_epoch_sequence_digest UNIQUE (station, epoch, sequence, digest)
);
CREATE TABLE countersignatures (
    station INTEGER NOT NULL,
    epoch BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    jws TEXT NOT NULL,
    received TIMESTAMP WITH TIME ZONE NOT NULL,
    token BYTEA,
    stamped TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_countersignatures PRIMARY KEY (station, epoch, sequence),
    CONSTRAINT fk_countersignatures_station_stations FOREIGN KEY(station) REFERENCES stations (id)
);
CREATE INDEX ix_countersignatures_stamped ON countersignatures (stamped);
CREATE TABLE erasures (
    station INTEGER NOT NULL,
    epoch BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    residue BYTEA NOT NULL,
    erased TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_erasures PRIMARY KEY (station, epoch, sequence),
    CONSTRAINT fk_erasures_station_stations FOREIGN KEY(station) REFERENCES stations (id)
);
CREATE TABLE grants (
    "user" BIGINT NOT NULL,
    role VARCHAR(24) NOT NULL,
    stations VARCHAR(64) NOT NULL,
    CONSTRAINT pk_grants PRIMARY KEY ("user", role, stations),
    CONSTRAINT fk_grants_user FOREIGN KEY("user") REFERENCES users (id)
);
CREATE TABLE hsa_bindings (
    "user" BIGINT NOT NULL,
    hsa_id VARCHAR(64) NOT NULL,
    by VARCHAR(64) NOT NULL,
    reason TEXT NOT NULL,
    asked TIMESTAMP WITH TIME ZONE NOT NULL,
    decide_by TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_hsa_bindings PRIMARY KEY ("user"),
    CONSTRAINT fk_hsa_bindings_user FOREIGN KEY("user") REFERENCES users (id)
);
CREATE TABLE issued_certificates (
    serial VARCHAR(40) NOT NULL,
    station VARCHAR(40) NOT NULL,
    epoch INTEGER NOT NULL,
    issued TIMESTAMP WITH TIME ZONE NOT NULL,
    not_after TIMESTAMP WITH TIME ZONE NOT NULL,
    key VARCHAR(64) NOT NULL,
    claim BIGINT,
    chain TEXT NOT NULL,
    revoked TIMESTAMP WITH TIME ZONE,
    revoked_by VARCHAR(64),
    CONSTRAINT pk_issued_certificates PRIMARY KEY (serial),
    CONSTRAINT fk_issued_certificates_claim FOREIGN KEY(claim) REFERENCES station_claims (id)
);
CREATE INDEX ix_issued_certificates_station ON issued_certificates (station);
CREATE TABLE links (
    hash VARCHAR(64) NOT NULL,
    kind VARCHAR(8) NOT NULL,
    "user" BIGINT,
    ends TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_links PRIMARY KEY (hash),
    CONSTRAINT fk_links_user FOREIGN KEY("user") REFERENCES users (id)
);
CREATE TABLE notices (
    id BIGSERIAL NOT NULL,
    alert BIGINT,
    channel VARCHAR(40) NOT NULL,
    what VARCHAR(8) NOT NULL,
    made TIMESTAMP WITH TIME ZONE NOT NULL,
    due TIMESTAMP WITH TIME ZONE,
    tries INTEGER NOT NULL,
    sent TIMESTAMP WITH TIME ZONE,
    error TEXT,
    command BIGINT,
    uid VARCHAR(36) DEFAULT gen_random_uuid(),
    CONSTRAINT pk_notices PRIMARY KEY (id),
    CONSTRAINT fk_notices_alert_alerts FOREIGN KEY(alert) REFERENCES alerts (id),
    CONSTRAINT fk_notices_command_commands FOREIGN KEY(command) REFERENCES commands (id)
);
CREATE INDEX ix_notices_alert ON notices (alert);
CREATE INDEX ix_notices_due ON notices (due);
CREATE UNIQUE INDEX uq_notices_command ON notices (command, channel);
CREATE TABLE order_starts (
    "order" VARCHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL,
    slot INTEGER NOT NULL,
    changed TIMESTAMP WITH TIME ZONE NOT NULL,
    after BIGINT NOT NULL,
    CONSTRAINT pk_order_starts PRIMARY KEY ("order"),
    CONSTRAINT fk_order_starts_order_orders FOREIGN KEY("order") REFERENCES orders ("order") ON DELETE CASCADE
);
CREATE TABLE quarantine (
    id BIGSERIAL NOT NULL,
    station INTEGER NOT NULL,
    epoch BIGINT,
    sequence BIGINT,
    kind VARCHAR(16) NOT NULL,
    raw BYTEA NOT NULL,
    digest VARCHAR(64) NOT NULL,
    reason TEXT NOT NULL,
    received TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_quarantine PRIMARY KEY (id),
    CONSTRAINT fk_quarantine_station FOREIGN KEY(station) REFERENCES stations (id),
    CONSTRAINT uq_quarantine_station_digest UNIQUE (station, digest)
);
CREATE INDEX ix_quarantine_station_epoch_sequence ON quarantine (station, epoch, sequence);
CREATE TABLE receipt_mails (
    number VARCHAR(64) NOT NULL,
    station INTEGER NOT NULL,
    errand VARCHAR(64) NOT NULL,
    statement TEXT NOT NULL,
    wanted TIMESTAMP WITH TIME ZONE NOT NULL,
    state VARCHAR(8) NOT NULL,
    tries INTEGER NOT NULL,
    due TIMESTAMP WITH TIME ZONE,
    error VARCHAR(24),
    CONSTRAINT pk_receipt_mails PRIMARY KEY (number),
    CONSTRAINT fk_receipt_mails_station FOREIGN KEY(station) REFERENCES stations (id)
);
CREATE INDEX ix_receipt_mails_due ON receipt_mails (due);
CREATE INDEX ix_receipt_mails_state ON receipt_mails (state);
CREATE TABLE receipts (
    number VARCHAR(64) NOT NULL,
    station INTEGER NOT NULL,
    epoch BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    errand VARCHAR(64) NOT NULL,
    CONSTRAINT pk_receipts PRIMARY KEY (number),
    CONSTRAINT fk_receipts_station FOREIGN KEY(station) REFERENCES stations (id)
);
CREATE TABLE reserve_cards (
    station INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    card_number VARCHAR(40) NOT NULL,
    lies BOOLEAN NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    quarantined BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT pk_reserve_cards PRIMARY KEY (station, slot),
    CONSTRAINT fk_reserve_cards_station_stations FOREIGN KEY(station) REFERENCES stations (id)
);
CREATE INDEX ix_reserve_cards_lies_at ON reserve_cards (lies, at);
CREATE TABLE sessions (
    hash VARCHAR(64) NOT NULL,
    "user" BIGINT NOT NULL,
    made TIMESTAMP WITH TIME ZONE NOT NULL,
    used TIMESTAMP WITH TIME ZONE NOT NULL,
    ends TIMESTAMP WITH TIME ZONE NOT NULL,
    address VARCHAR(64) NOT NULL,
    stepped_up TIMESTAMP WITH TIME ZONE,
    issuer_session VARCHAR(64),
    CONSTRAINT pk_sessions PRIMARY KEY (hash),
    CONSTRAINT fk_sessions_user FOREIGN KEY("user") REFERENCES users (id)
);
CREATE INDEX ix_sessions_user ON sessions ("user");
CREATE TABLE station_certificates (
    station INTEGER NOT NULL,
    epoch BIGINT NOT NULL,
    thumbprint VARCHAR(64) NOT NULL,
    der BYTEA NOT NULL,
    seen TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_station_certificates PRIMARY KEY (station, epoch, thumbprint),
    CONSTRAINT fk_station_certificates_station_stations FOREIGN KEY(station) REFERENCES stations (id)
);
CREATE TABLE verified_chains (
    station INTEGER NOT NULL,
    epoch BIGINT NOT NULL,
    through BIGINT NOT NULL,
    head VARCHAR(64),
    CONSTRAINT pk_verified_chains PRIMARY KEY (station, epoch),
    CONSTRAINT fk_verified_chains_station_stations FOREIGN KEY(station) REFERENCES stations (id)
);
CREATE TABLE webauthn_challenges (
    hash VARCHAR(64) NOT NULL,
    kind VARCHAR(8) NOT NULL,
    "user" BIGINT NOT NULL,
    session VARCHAR(64),
    ends TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_webauthn_challenges PRIMARY KEY (hash),
    CONSTRAINT fk_webauthn_challenges_user FOREIGN KEY("user") REFERENCES users (id)
);
CREATE TABLE webauthn_keys (
    id BIGSERIAL NOT NULL,
    "user" BIGINT NOT NULL,
    name VARCHAR(40) NOT NULL,
    credential TEXT NOT NULL,
    public_key TEXT NOT NULL,
    sign_count BIGINT NOT NULL,
    made TIMESTAMP WITH TIME ZONE NOT NULL,
    used TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_webauthn_keys PRIMARY KEY (id),
    CONSTRAINT fk_webauthn_keys_user FOREIGN KEY("user") REFERENCES users (id),
    CONSTRAINT uq_webauthn_keys_credential UNIQUE (credential),
    CONSTRAINT uq_webauthn_keys_user_name UNIQUE ("user", name)
);
INSERT INTO audit_head (id, sequence, hash) VALUES (1, 0, '');
