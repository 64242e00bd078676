-- in: results
-- Which way to push a neuron, by every experiment that finds directions; rebuilt at will.

CREATE TABLE direction(
  experiment  TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  task        TEXT    NOT NULL,
  layer       INTEGER NOT NULL,
  neuron      INTEGER NOT NULL,
  value       REAL    NOT NULL,
  source      TEXT    NOT NULL,
  PRIMARY KEY (experiment, model, task, layer, neuron)
) STRICT, WITHOUT ROWID;
