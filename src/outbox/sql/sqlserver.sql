-- The outbox of Holdfast, for SQL Server 2016 and newer. Run it once in the ERP's own database.
IF OBJECT_ID(N'holdfast_outbox') IS NULL
BEGIN
  CREATE TABLE holdfast_outbox (
    id bigint IDENTITY(1, 1) PRIMARY KEY,
    event nvarchar(max) NOT NULL,               -- one event as status.publish takes it: a JSON object
    written_at datetime2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    refused nvarchar(max) NULL                  -- why the server will not have it; null: to be sent
  );
  -- A transaction that writes thousands of rows must lock those, never the table.
  ALTER TABLE holdfast_outbox SET (LOCK_ESCALATION = DISABLE);
  CREATE INDEX holdfast_outbox_waiting ON holdfast_outbox (id) WHERE refused IS NULL;
END
