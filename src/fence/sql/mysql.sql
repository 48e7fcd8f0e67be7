-- The fence of Holdfast, for MySQL 8 and MariaDB 10.6, InnoDB. Run it once in the ERP's own database.
CREATE TABLE IF NOT EXISTS hf_bill (
  type varchar(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,  -- as the catalog calls it: SaleOrder
  id bigint NOT NULL,                           -- the bill's key; varchar(200) … COLLATE utf8mb4_bin if your keys are texts
  version bigint NOT NULL DEFAULT 0,            -- grows with each write of the bill; 0: there was none yet
  token bigint NOT NULL DEFAULT 0,              -- of the newest write under a lock of the bill or of its type
  part_token bigint NOT NULL DEFAULT 0,         -- the highest of the writes under a lock of a part or a line
  guarded smallint NOT NULL DEFAULT 0,          -- 1 only within a fenced transaction: the triggers leave the version alone
  PRIMARY KEY (type, id)
) ENGINE = InnoDB;
