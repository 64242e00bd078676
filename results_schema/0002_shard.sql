-- in: shard
-- Whose shard this is: one row, written before any unit.

CREATE TABLE shard(
  study_id     TEXT    NOT NULL PRIMARY KEY,
  launch       INTEGER NOT NULL,
  rank         INTEGER NOT NULL,
  created_utc  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
