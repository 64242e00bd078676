-- in: results
-- Units that were at work when all ranks of a launch vanished at once: one of them may be to blame, nobody can tell which.

CREATE TABLE unit_suspicion(
  round_id  INTEGER NOT NULL,
  unit      INTEGER NOT NULL,
  launch    INTEGER NOT NULL,
  rank      INTEGER NOT NULL,
  at_utc    TEXT    NOT NULL,
  PRIMARY KEY (round_id, unit, launch)
) STRICT, WITHOUT ROWID;
