-- The fence of Holdfast, for SQL Server 2016 SP1 and newer. Run it once in the ERP's own database.
IF OBJECT_ID(N'hf_bill') IS NULL
BEGIN
  CREATE TABLE hf_bill (
    type nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,  -- as the catalog calls it: SaleOrder
    id bigint NOT NULL,                         -- the bill's key; nvarchar(200) … BIN2 if your keys are texts
    version bigint NOT NULL DEFAULT 0,          -- grows with each write of the bill; 0: there was none yet
    token bigint NOT NULL DEFAULT 0,            -- of the newest write under a lock of the bill or of its type
    part_token bigint NOT NULL DEFAULT 0,       -- the highest of the writes under a lock of a part or a line
    guarded smallint NOT NULL DEFAULT 0,        -- 1 only within a fenced transaction: the triggers leave the version alone
    PRIMARY KEY (type, id)
  );
  -- A transaction that fences thousands of bills must lock those, never the table.
  ALTER TABLE hf_bill SET (LOCK_ESCALATION = DISABLE);
END
GO

IF TYPE_ID(N'hf_bill_ids') IS NULL CREATE TYPE hf_bill_ids AS TABLE (id bigint NOT NULL PRIMARY KEY);
GO

-- What the triggers do: a new version for each of these bills that the transaction has not fenced.
CREATE OR ALTER PROCEDURE hf_bill_grow @type nvarchar(200), @ids hf_bill_ids READONLY AS
BEGIN
  SET NOCOUNT ON;
  INSERT INTO hf_bill (type, id)
    SELECT @type, i.id FROM @ids AS i
    WHERE NOT EXISTS (SELECT 1 FROM hf_bill AS b WITH (UPDLOCK, HOLDLOCK) WHERE b.type = @type AND b.id = i.id);
  UPDATE b SET version = b.version + 1
    FROM hf_bill AS b JOIN @ids AS i ON i.id = b.id
    WHERE b.type = @type AND b.guarded = 0;
END
GO
