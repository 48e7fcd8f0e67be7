-- The fence of Holdfast, for PostgreSQL 11 and newer. Run it once in the ERP's own database.
CREATE TABLE IF NOT EXISTS hf_bill (
  type text COLLATE "C" NOT NULL,               -- as the catalog calls it: SaleOrder
  id bigint NOT NULL,                           -- the bill's key; text COLLATE "C" if your keys are texts
  version bigint NOT NULL DEFAULT 0,            -- grows with each write of the bill; 0: there was none yet
  token bigint NOT NULL DEFAULT 0,              -- of the newest write under a lock of the bill or of its type
  part_token bigint NOT NULL DEFAULT 0,         -- the highest of the writes under a lock of a part or a line
  guarded smallint NOT NULL DEFAULT 0,          -- 1 only within a fenced transaction: the triggers leave the version alone
  PRIMARY KEY (type, id)
);

-- What the triggers do: a new version for each of these bills that the transaction has not fenced, in the order of ids.
CREATE OR REPLACE FUNCTION hf_bill_grow(bill_type text, ids bigint[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO hf_bill (type, id, version)
    SELECT DISTINCT bill_type, bill_id, 1 FROM unnest(ids) AS bill_id WHERE bill_id IS NOT NULL ORDER BY bill_id
    ON CONFLICT (type, id) DO UPDATE SET version = hf_bill.version + 1 WHERE hf_bill.guarded = 0;
$$;
