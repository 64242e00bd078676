-- in: results
-- What rank 0 planned, a pure function of the study and of merged results.

CREATE TABLE round(
  round_id    INTEGER NOT NULL PRIMARY KEY CHECK (round_id >= 0),
  experiment  TEXT    NOT NULL,
  kind        TEXT    NOT NULL,
  round_no    INTEGER NOT NULL CHECK (round_no >= 0),
  plan_hash   TEXT    NOT NULL,
  n_units     INTEGER NOT NULL CHECK (n_units >= 0),
  params      TEXT    NOT NULL,
  UNIQUE (experiment, round_no)
) STRICT;

CREATE TABLE arm(
  round_id  INTEGER NOT NULL REFERENCES round,
  arm       INTEGER NOT NULL CHECK (arm >= 0),
  model     TEXT    NOT NULL,
  layer     INTEGER NOT NULL CHECK (layer >= 0),
  neuron    INTEGER NOT NULL CHECK (neuron >= 0),
  op        TEXT    NOT NULL,
  value     REAL    NOT NULL,
  span      TEXT    NOT NULL,
  role      TEXT    NOT NULL CHECK (role IN ('candidate', 'control')),
  PRIMARY KEY (round_id, arm)
) STRICT, WITHOUT ROWID;

CREATE TABLE set_member(
  round_id  INTEGER NOT NULL REFERENCES round,
  set_name  TEXT    NOT NULL,
  model     TEXT    NOT NULL,
  task      TEXT    NOT NULL,
  layer     INTEGER NOT NULL CHECK (layer >= 0),
  neuron    INTEGER NOT NULL CHECK (neuron >= 0),
  op        TEXT    NOT NULL,
  value     REAL    NOT NULL,
  span      TEXT    NOT NULL,
  PRIMARY KEY (round_id, set_name, model, task, layer, neuron)
) STRICT, WITHOUT ROWID;
