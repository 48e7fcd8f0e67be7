-- {type}: what is written to {table} without the fence grows the bill's version.
CREATE OR REPLACE FUNCTION {name all}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM hf_bill_grow('{type}', ARRAY(SELECT r.{bill} FROM inserted AS r WHERE r.{bill} IS NOT NULL{when r}));
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM hf_bill_grow('{type}', ARRAY(SELECT r.{bill} FROM deleted AS r WHERE r.{bill} IS NOT NULL{when r}));
  ELSE
    PERFORM hf_bill_grow('{type}', ARRAY(
      SELECT r.{bill} FROM inserted AS r WHERE r.{bill} IS NOT NULL{when r}
      UNION SELECT r.{bill} FROM deleted AS r WHERE r.{bill} IS NOT NULL{when r}));
  END IF;
  RETURN NULL;
END
$$;
DROP TRIGGER IF EXISTS {name ins} ON {table};
CREATE TRIGGER {name ins} AFTER INSERT ON {table}
  REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION {name all}();
DROP TRIGGER IF EXISTS {name upd} ON {table};
CREATE TRIGGER {name upd} AFTER UPDATE ON {table}
  REFERENCING OLD TABLE AS deleted NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION {name all}();
DROP TRIGGER IF EXISTS {name del} ON {table};
CREATE TRIGGER {name del} AFTER DELETE ON {table}
  REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION {name all}();
