-- in: results, shard
-- What ranks measure. Every measured row is keyed (round_id, unit, seq) and belongs to a unit's done mark,
-- which is written in the same transaction. Columns and their units: README.md.

CREATE TABLE unit(
  round_id      INTEGER NOT NULL CHECK (round_id >= 0),
  unit          INTEGER NOT NULL CHECK (unit >= 0),
  content_hash  TEXT    NOT NULL,
  launch        INTEGER NOT NULL,
  rank          INTEGER NOT NULL,
  seconds       REAL    NOT NULL,
  finished_utc  TEXT    NOT NULL,
  crc32c        INTEGER NOT NULL,
  PRIMARY KEY (round_id, unit)
) STRICT, WITHOUT ROWID;

CREATE TABLE unit_failure(
  round_id  INTEGER NOT NULL,
  unit      INTEGER NOT NULL,
  launch    INTEGER NOT NULL,
  rank      INTEGER NOT NULL,
  attempt   INTEGER NOT NULL CHECK (attempt >= 1),
  kind      TEXT    NOT NULL,
  message   TEXT    NOT NULL,
  at_utc    TEXT    NOT NULL,
  PRIMARY KEY (round_id, unit, launch, rank, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE trace(
  round_id         INTEGER NOT NULL,
  unit             INTEGER NOT NULL,
  seq              INTEGER NOT NULL CHECK (seq >= 0),
  model            TEXT    NOT NULL,
  task             TEXT    NOT NULL,
  item             TEXT    NOT NULL,
  attempt          INTEGER NOT NULL,
  seed             INTEGER NOT NULL,
  temperature      REAL    NOT NULL,
  top_p            REAL    NOT NULL,
  n_prompt_tokens  INTEGER NOT NULL CHECK (n_prompt_tokens >= 0),
  n_tokens         INTEGER NOT NULL CHECK (n_tokens >= 0),
  finish           TEXT    NOT NULL CHECK (finish IN ('eos', 'length', 'context')),
  completion       TEXT    NOT NULL,
  answer           TEXT,
  correct          INTEGER NOT NULL CHECK (correct IN (0, 1)),
  logprob          REAL    NOT NULL,
  PRIMARY KEY (round_id, unit, seq),
  FOREIGN KEY (round_id, unit) REFERENCES unit DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE activation_mean(
  round_id     INTEGER NOT NULL,
  unit         INTEGER NOT NULL,
  seq          INTEGER NOT NULL,
  n            INTEGER NOT NULL CHECK (n >= 1),
  n_tokens     INTEGER NOT NULL CHECK (n_tokens >= 1),
  n_nonfinite  INTEGER NOT NULL CHECK (n_nonfinite BETWEEN 0 AND n),
  mean_values  BLOB    NOT NULL CHECK (length(mean_values) = 4 * n),
  PRIMARY KEY (round_id, unit, seq),
  FOREIGN KEY (round_id, unit, seq) REFERENCES trace DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE effect_block(
  round_id     INTEGER NOT NULL,
  unit         INTEGER NOT NULL,
  seq          INTEGER NOT NULL CHECK (seq >= 0),
  model        TEXT    NOT NULL,
  task         TEXT    NOT NULL,
  item         TEXT    NOT NULL,
  metric       TEXT    NOT NULL,
  first_arm    INTEGER NOT NULL CHECK (first_arm >= 0),
  n            INTEGER NOT NULL CHECK (n >= 1),
  n_tokens     INTEGER NOT NULL CHECK (n_tokens >= 0),
  n_nonfinite  INTEGER NOT NULL CHECK (n_nonfinite BETWEEN 0 AND n),
  baseline     REAL    NOT NULL,
  effects      BLOB    NOT NULL CHECK (length(effects) = 4 * n),
  PRIMARY KEY (round_id, unit, seq),
  FOREIGN KEY (round_id, unit) REFERENCES unit DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE outcome(
  round_id    INTEGER NOT NULL,
  unit        INTEGER NOT NULL,
  seq         INTEGER NOT NULL CHECK (seq >= 0),
  model       TEXT    NOT NULL,
  task        TEXT    NOT NULL,
  item        TEXT    NOT NULL,
  arm         TEXT    NOT NULL,
  correct     INTEGER NOT NULL CHECK (correct IN (0, 1)),
  n_tokens    INTEGER NOT NULL CHECK (n_tokens >= 0),
  answer      TEXT,
  completion  TEXT    NOT NULL,
  logprob     REAL,
  PRIMARY KEY (round_id, unit, seq),
  FOREIGN KEY (round_id, unit) REFERENCES unit DEFERRABLE INITIALLY DEFERRED
) STRICT;
