-- in: results
-- Where every number comes from: the study, its models and tasks, and the processes that ran it.

CREATE TABLE study(
  study_id          TEXT    NOT NULL PRIMARY KEY,
  name              TEXT    NOT NULL,
  toml              TEXT    NOT NULL,
  toml_hash         TEXT    NOT NULL,
  seed              INTEGER NOT NULL,
  code_version      TEXT    NOT NULL,
  libtorch_version  TEXT    NOT NULL,
  threads           INTEGER NOT NULL,
  schema_version    INTEGER NOT NULL,
  created_utc       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE model(
  name                 TEXT    NOT NULL PRIMARY KEY,
  path                 TEXT    NOT NULL,
  checkpoint_hash      TEXT    NOT NULL,
  tokenizer_hash       TEXT    NOT NULL,
  family               TEXT    NOT NULL,
  n_layers             INTEGER NOT NULL,
  n_neurons_per_layer  INTEGER NOT NULL,
  d_model              INTEGER NOT NULL,
  vocabulary           INTEGER NOT NULL,
  parameters           INTEGER NOT NULL,
  dtype                TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE task(
  name       TEXT    NOT NULL PRIMARY KEY,
  path       TEXT    NOT NULL,
  file_hash  TEXT    NOT NULL,
  n_items    INTEGER NOT NULL,
  template   TEXT    NOT NULL,
  target     TEXT    NOT NULL,
  grader     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE launch(
  launch         INTEGER NOT NULL PRIMARY KEY,
  started_utc    TEXT    NOT NULL,
  ended_utc      TEXT,
  n_ranks        INTEGER NOT NULL CHECK (n_ranks >= 1),
  slurm_job_id   TEXT,
  slurm_restart  INTEGER,
  exit_reason    TEXT
) STRICT;

CREATE TABLE worker(
  launch    INTEGER NOT NULL REFERENCES launch,
  rank      INTEGER NOT NULL,
  host      TEXT    NOT NULL,
  pid       INTEGER NOT NULL,
  device    TEXT    NOT NULL,
  libtorch  TEXT    NOT NULL,
  mpi       TEXT    NOT NULL,
  threads   INTEGER NOT NULL,
  PRIMARY KEY (launch, rank)
) STRICT, WITHOUT ROWID;

CREATE TABLE merged_shard(
  shard       TEXT    NOT NULL PRIMARY KEY,
  units       INTEGER NOT NULL,
  failures    INTEGER NOT NULL,
  merged_utc  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
