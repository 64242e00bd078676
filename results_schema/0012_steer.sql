-- in: results
-- Steering: the arms that a round tries, which items each of them touches, success patterns, and what steering did.

CREATE TABLE steer_arm(
  round_id   INTEGER NOT NULL REFERENCES round,
  model      TEXT    NOT NULL,
  task       TEXT    NOT NULL,
  arm        TEXT    NOT NULL,
  variant    TEXT    NOT NULL,
  strength   REAL    NOT NULL,
  n_neurons  INTEGER NOT NULL CHECK (n_neurons >= 1),
  PRIMARY KEY (round_id, model, task, arm)
) STRICT, WITHOUT ROWID;

CREATE TABLE steer_gate(
  round_id  INTEGER NOT NULL REFERENCES round,
  model     TEXT    NOT NULL,
  task      TEXT    NOT NULL,
  variant   TEXT    NOT NULL,
  item      TEXT    NOT NULL,
  p_fail    REAL    NOT NULL CHECK (p_fail BETWEEN 0 AND 1),
  share     REAL    NOT NULL CHECK (share BETWEEN 0 AND 1),
  PRIMARY KEY (round_id, model, task, variant, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE success_template(
  experiment  TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  task        TEXT    NOT NULL,
  layer       INTEGER NOT NULL,
  neuron      INTEGER NOT NULL,
  n           INTEGER NOT NULL CHECK (n >= 1),
  mean        REAL    NOT NULL,
  sd          REAL    NOT NULL CHECK (sd >= 0),
  PRIMARY KEY (experiment, model, task, layer, neuron)
) STRICT, WITHOUT ROWID;

CREATE TABLE steer_effect(
  experiment         TEXT    NOT NULL,
  model              TEXT    NOT NULL,
  task               TEXT    NOT NULL,
  stage              TEXT    NOT NULL CHECK (stage IN ('validate', 'test')),
  variant            TEXT    NOT NULL,
  strength           REAL    NOT NULL,
  n                  INTEGER NOT NULL,
  n_steered          INTEGER NOT NULL,
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
  holm_p             REAL,
  items_needed       INTEGER,
  PRIMARY KEY (experiment, model, task, stage, variant, strength)
) STRICT, WITHOUT ROWID;
