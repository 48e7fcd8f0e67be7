-- {type}: what is written to {table} without the fence grows the bill's version.
CREATE OR ALTER TRIGGER {name all} ON {table} AFTER INSERT, UPDATE, DELETE AS
BEGIN
  SET NOCOUNT ON;
  DECLARE @ids hf_bill_ids;
  INSERT INTO @ids (id)
    SELECT r.{bill} FROM inserted AS r WHERE r.{bill} IS NOT NULL{when r}
    UNION SELECT r.{bill} FROM deleted AS r WHERE r.{bill} IS NOT NULL{when r};
  IF EXISTS (SELECT 1 FROM @ids) EXEC hf_bill_grow N'{type}', @ids;
END
GO
