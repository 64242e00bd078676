-- in: results
-- Minimal sets: what is left of a critical set when it is grown and pruned to a share of its joint effect.

CREATE TABLE minimal_set(
  experiment  TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  task        TEXT    NOT NULL,
  order_no    INTEGER NOT NULL CHECK (order_no >= 1),
  layer       INTEGER NOT NULL,
  neuron      INTEGER NOT NULL,
  rank_no     INTEGER NOT NULL CHECK (rank_no >= 1),
  alone       REAL    NOT NULL,
  gain        REAL    NOT NULL,
  share       REAL    NOT NULL,
  kept        INTEGER NOT NULL CHECK (kept IN (0, 1)),
  loss        REAL,
  PRIMARY KEY (experiment, model, task, order_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE set_search(
  experiment     TEXT    NOT NULL,
  model          TEXT    NOT NULL,
  task           TEXT    NOT NULL,
  metric         TEXT    NOT NULL,
  n_candidates   INTEGER NOT NULL,
  target_share   REAL    NOT NULL,
  size           INTEGER NOT NULL,
  n_search       INTEGER NOT NULL,
  n_sets         INTEGER NOT NULL,
  n_rounds       INTEGER NOT NULL,
  search_full    REAL    NOT NULL,
  search_share   REAL    NOT NULL,
  n_proof        INTEGER NOT NULL,
  proof_full     REAL    NOT NULL,
  proof_effect   REAL    NOT NULL,
  proof_share    REAL    NOT NULL,
  share_low      REAL,
  share_high     REAL,
  n_random_sets  INTEGER NOT NULL,
  random_effect  REAL,
  random_worst   REAL,
  p              REAL,
  PRIMARY KEY (experiment, model, task)
) STRICT, WITHOUT ROWID;

CREATE TABLE pair_interaction(
  experiment    TEXT    NOT NULL,
  model         TEXT    NOT NULL,
  task          TEXT    NOT NULL,
  layer_a       INTEGER NOT NULL,
  neuron_a      INTEGER NOT NULL,
  layer_b       INTEGER NOT NULL,
  neuron_b      INTEGER NOT NULL,
  n             INTEGER NOT NULL,
  effect_a      REAL    NOT NULL,
  effect_b      REAL    NOT NULL,
  effect_joint  REAL    NOT NULL,
  interaction   REAL    NOT NULL,
  ci_low        REAL,
  ci_high       REAL,
  p             REAL    NOT NULL,
  q             REAL    NOT NULL,
  PRIMARY KEY (experiment, model, task, layer_a, neuron_a, layer_b, neuron_b)
) STRICT, WITHOUT ROWID;
