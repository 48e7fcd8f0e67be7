-- The fence of Holdfast, for SQLite. Run it once in the ERP's own database.
CREATE TABLE IF NOT EXISTS hf_bill (
  type TEXT NOT NULL,                           -- as the catalog calls it: SaleOrder
  id INTEGER NOT NULL,                          -- the bill's key; TEXT if your keys are texts
  version INTEGER NOT NULL DEFAULT 0,           -- grows with each write of the bill; 0: there was none yet
  token INTEGER NOT NULL DEFAULT 0,             -- of the newest write under a lock of the bill or of its type
  part_token INTEGER NOT NULL DEFAULT 0,        -- the highest of the writes under a lock of a part or a line
  guarded INTEGER NOT NULL DEFAULT 0,           -- 1 only within a fenced transaction: the triggers leave the version alone
  PRIMARY KEY (type, id)
) WITHOUT ROWID;
