-- in: results, shard
-- Safety limits: ranges and enforcements as ranks measure them; envelopes and effects are derived: only reducers write
-- them, in results.db.

CREATE TABLE activation_range(
  round_id     INTEGER NOT NULL,
  unit         INTEGER NOT NULL,
  seq          INTEGER NOT NULL,
  n            INTEGER NOT NULL CHECK (n >= 2 AND n % 2 = 0),
  n_tokens     INTEGER NOT NULL CHECK (n_tokens >= 1),
  n_nonfinite  INTEGER NOT NULL CHECK (n_nonfinite BETWEEN 0 AND n),
  ranges       BLOB    NOT NULL CHECK (length(ranges) = 4 * n),
  PRIMARY KEY (round_id, unit, seq),
  FOREIGN KEY (round_id, unit, seq) REFERENCES trace DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE enforcement(
  round_id        INTEGER NOT NULL,
  unit            INTEGER NOT NULL,
  seq             INTEGER NOT NULL CHECK (seq >= 0),
  model           TEXT    NOT NULL,
  task            TEXT    NOT NULL,
  item            TEXT    NOT NULL,
  arm             TEXT    NOT NULL,
  rule            TEXT    NOT NULL CHECK (rule IN ('floor', 'ceiling', 'cap')),
  layer           INTEGER NOT NULL,
  neuron          INTEGER NOT NULL,
  times           INTEGER NOT NULL CHECK (times >= 1),
  first_position  INTEGER NOT NULL CHECK (first_position >= 0),
  largest         REAL    NOT NULL,
  PRIMARY KEY (round_id, unit, seq),
  FOREIGN KEY (round_id, unit) REFERENCES unit DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE activation_envelope(
  experiment  TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  task        TEXT    NOT NULL,
  layer       INTEGER NOT NULL,
  neuron      INTEGER NOT NULL,
  n           INTEGER NOT NULL CHECK (n >= 1),
  lowest      REAL    NOT NULL,
  highest     REAL    NOT NULL,
  low         REAL    NOT NULL,
  high        REAL    NOT NULL,
  outside     REAL    NOT NULL CHECK (outside BETWEEN 0 AND 0.5),
  PRIMARY KEY (experiment, model, task, layer, neuron)
) STRICT, WITHOUT ROWID;

CREATE TABLE constraint_effect(
  experiment         TEXT    NOT NULL,
  model              TEXT    NOT NULL,
  task               TEXT    NOT NULL,
  arm                TEXT    NOT NULL,
  against            TEXT    NOT NULL,
  guarded            INTEGER NOT NULL CHECK (guarded IN (0, 1)),
  n                  INTEGER NOT NULL CHECK (n >= 1),
  n_enforced         INTEGER NOT NULL,
  enforced           INTEGER NOT NULL,
  baseline_accuracy  REAL    NOT NULL,
  accuracy           REAL    NOT NULL,
  accuracy_low       REAL    NOT NULL,
  accuracy_high      REAL    NOT NULL,
  fixed              INTEGER NOT NULL,
  broken             INTEGER NOT NULL,
  change             REAL    NOT NULL,
  change_low         REAL    NOT NULL,
  change_high        REAL    NOT NULL,
  mcnemar_p          REAL    NOT NULL,
  holm_p             REAL    NOT NULL,
  PRIMARY KEY (experiment, model, task, arm, against)
) STRICT, WITHOUT ROWID;
