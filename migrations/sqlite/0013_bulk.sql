-- Floor 2. Who was erased lately: what a relay says of them afterwards is emptied at night.
CREATE INDEX consent_erased ON consent (at) WHERE action = 'erased';
