-- {type}: what is written to {table} without the fence grows the bill's version.
DROP TRIGGER IF EXISTS {name ins};
CREATE TRIGGER {name ins} AFTER INSERT ON {table} BEGIN
  INSERT INTO hf_bill (type, id, version) SELECT '{type}', NEW.{bill}, 1 WHERE NEW.{bill} IS NOT NULL{when NEW}
    ON CONFLICT (type, id) DO UPDATE SET version = version + 1 WHERE guarded = 0;
END;
DROP TRIGGER IF EXISTS {name upd};
CREATE TRIGGER {name upd} AFTER UPDATE ON {table} BEGIN
  INSERT INTO hf_bill (type, id, version) SELECT '{type}', NEW.{bill}, 1 WHERE NEW.{bill} IS NOT NULL{when NEW}
    ON CONFLICT (type, id) DO UPDATE SET version = version + 1 WHERE guarded = 0;
END;
DROP TRIGGER IF EXISTS {name mov};
CREATE TRIGGER {name mov} AFTER UPDATE ON {table} WHEN OLD.{bill} IS NOT NEW.{bill} BEGIN
  INSERT INTO hf_bill (type, id, version) SELECT '{type}', OLD.{bill}, 1 WHERE OLD.{bill} IS NOT NULL{when OLD}
    ON CONFLICT (type, id) DO UPDATE SET version = version + 1 WHERE guarded = 0;
END;
DROP TRIGGER IF EXISTS {name del};
CREATE TRIGGER {name del} AFTER DELETE ON {table} BEGIN
  INSERT INTO hf_bill (type, id, version) SELECT '{type}', OLD.{bill}, 1 WHERE OLD.{bill} IS NOT NULL{when OLD}
    ON CONFLICT (type, id) DO UPDATE SET version = version + 1 WHERE guarded = 0;
END;
