-- in: results, shard
-- The race for the top K: first-order effects of every neuron, and what the race found. race_neuron and race_result
-- are derived: only the reducer writes them, in results.db.

CREATE TABLE screen_block(
  round_id     INTEGER NOT NULL,
  unit         INTEGER NOT NULL,
  seq          INTEGER NOT NULL CHECK (seq >= 0),
  model        TEXT    NOT NULL,
  task         TEXT    NOT NULL,
  item         TEXT    NOT NULL,
  metric       TEXT    NOT NULL,
  steps        INTEGER NOT NULL CHECK (steps >= 1),
  n            INTEGER NOT NULL CHECK (n >= 1),
  n_tokens     INTEGER NOT NULL CHECK (n_tokens >= 0),
  n_nonfinite  INTEGER NOT NULL CHECK (n_nonfinite BETWEEN 0 AND n),
  baseline     REAL    NOT NULL,
  effects      BLOB    NOT NULL CHECK (length(effects) = 4 * n),
  PRIMARY KEY (round_id, unit, seq),
  FOREIGN KEY (round_id, unit) REFERENCES unit DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE race_neuron(
  experiment  TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  layer       INTEGER NOT NULL,
  neuron      INTEGER NOT NULL,
  role        TEXT    NOT NULL CHECK (role IN ('candidate', 'control', 'rest')),
  state       TEXT    NOT NULL CHECK (state IN ('in', 'out', 'open')),
  rank_no     INTEGER,
  n           INTEGER NOT NULL,
  screen      REAL    NOT NULL,
  estimate    REAL    NOT NULL,
  ci_low      REAL    NOT NULL,
  ci_high     REAL    NOT NULL,
  PRIMARY KEY (experiment, model, layer, neuron)
) STRICT, WITHOUT ROWID;

CREATE TABLE race_result(
  experiment           TEXT    NOT NULL,
  model                TEXT    NOT NULL,
  metric               TEXT    NOT NULL,
  top                  INTEGER NOT NULL,
  error                REAL    NOT NULL,
  n_neurons            INTEGER NOT NULL,
  n_items              INTEGER NOT NULL,
  rounds               INTEGER NOT NULL,
  n_in                 INTEGER NOT NULL,
  n_open               INTEGER NOT NULL,
  recall               REAL    NOT NULL,
  recall_low           REAL    NOT NULL,
  recall_high          REAL    NOT NULL,
  n_effects            INTEGER NOT NULL,
  screen_forwards      REAL    NOT NULL,
  exact_forwards       REAL    NOT NULL,
  brute_forwards       REAL    NOT NULL,
  documented_forwards  REAL    NOT NULL,
  PRIMARY KEY (experiment, model)
) STRICT, WITHOUT ROWID;
