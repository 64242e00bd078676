-- in: results, shard
-- Transfer from a donor model to a receiver: sums and candidates as ranks measure them; the other tables are derived:
-- only the reducer writes them, in results.db.

CREATE TABLE transfer_block(
  round_id        INTEGER NOT NULL,
  unit            INTEGER NOT NULL,
  seq             INTEGER NOT NULL CHECK (seq >= 0),
  quantity        TEXT    NOT NULL,
  map             TEXT    NOT NULL,
  source          TEXT    NOT NULL,
  task            TEXT    NOT NULL,
  donor_layer     INTEGER NOT NULL CHECK (donor_layer >= -1),
  receiver_layer  INTEGER NOT NULL CHECK (receiver_layer >= -1),
  n_samples       INTEGER NOT NULL CHECK (n_samples >= 0),
  n_held_out      INTEGER NOT NULL CHECK (n_held_out >= 0),
  n               INTEGER NOT NULL CHECK (n >= 1),
  n_nonfinite     INTEGER NOT NULL CHECK (n_nonfinite BETWEEN 0 AND n),
  block_values    BLOB    NOT NULL CHECK (length(block_values) = 4 * n),
  PRIMARY KEY (round_id, unit, seq),
  FOREIGN KEY (round_id, unit) REFERENCES unit DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE layer_similarity(
  experiment      TEXT    NOT NULL,
  donor           TEXT    NOT NULL,
  receiver        TEXT    NOT NULL,
  donor_layer     INTEGER NOT NULL,
  receiver_layer  INTEGER NOT NULL,
  n_samples       INTEGER NOT NULL,
  cka             REAL    NOT NULL,
  paired          INTEGER NOT NULL CHECK (paired IN (0, 1)),
  PRIMARY KEY (experiment, donor_layer, receiver_layer)
) STRICT, WITHOUT ROWID;

CREATE TABLE transfer_map(
  experiment      TEXT    NOT NULL,
  map             TEXT    NOT NULL,
  donor_layer     INTEGER NOT NULL,
  receiver_layer  INTEGER NOT NULL,
  donor           TEXT    NOT NULL,
  receiver        TEXT    NOT NULL,
  n_samples       INTEGER NOT NULL,
  n_held_out      INTEGER NOT NULL,
  n_matched       INTEGER,
  measure         TEXT    NOT NULL,
  fit             REAL    NOT NULL,
  held_out        REAL    NOT NULL,
  PRIMARY KEY (experiment, map, donor_layer, receiver_layer)
) STRICT, WITHOUT ROWID;

CREATE TABLE neuron_match(
  experiment       TEXT    NOT NULL,
  donor_layer      INTEGER NOT NULL,
  donor_neuron     INTEGER NOT NULL,
  donor            TEXT    NOT NULL,
  receiver         TEXT    NOT NULL,
  receiver_layer   INTEGER NOT NULL,
  receiver_neuron  INTEGER NOT NULL,
  correlation      REAL    NOT NULL,
  held_out         REAL    NOT NULL,
  slope            REAL    NOT NULL,
  PRIMARY KEY (experiment, donor_layer, donor_neuron)
) STRICT, WITHOUT ROWID;

CREATE TABLE transferred_neuron(
  experiment    TEXT    NOT NULL,
  map           TEXT    NOT NULL,
  source        TEXT    NOT NULL,
  task          TEXT    NOT NULL,
  layer         INTEGER NOT NULL,
  neuron        INTEGER NOT NULL,
  donor         TEXT    NOT NULL,
  receiver      TEXT    NOT NULL,
  rank_no       INTEGER NOT NULL,
  value         REAL,
  similarity    REAL    NOT NULL,
  donor_layer   INTEGER,
  donor_neuron  INTEGER,
  PRIMARY KEY (experiment, map, source, task, layer, neuron)
) STRICT, WITHOUT ROWID;
