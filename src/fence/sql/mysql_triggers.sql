-- {type}: what is written to {table} without the fence grows the bill's version.
DROP TRIGGER IF EXISTS {name ins};
CREATE TRIGGER {name ins} AFTER INSERT ON {table} FOR EACH ROW
  INSERT INTO hf_bill (type, id, version) SELECT '{type}', NEW.{bill}, 1 FROM DUAL WHERE NEW.{bill} IS NOT NULL{when NEW}
    ON DUPLICATE KEY UPDATE version = hf_bill.version + (hf_bill.guarded = 0);
DROP TRIGGER IF EXISTS {name upd};
CREATE TRIGGER {name upd} AFTER UPDATE ON {table} FOR EACH ROW
  INSERT INTO hf_bill (type, id, version) SELECT '{type}', NEW.{bill}, 1 FROM DUAL WHERE NEW.{bill} IS NOT NULL{when NEW}
    ON DUPLICATE KEY UPDATE version = hf_bill.version + (hf_bill.guarded = 0);
DROP TRIGGER IF EXISTS {name mov};
CREATE TRIGGER {name mov} AFTER UPDATE ON {table} FOR EACH ROW
  INSERT INTO hf_bill (type, id, version) SELECT '{type}', OLD.{bill}, 1 FROM DUAL
    WHERE OLD.{bill} IS NOT NULL AND NOT (OLD.{bill} <=> NEW.{bill}){when OLD}
    ON DUPLICATE KEY UPDATE version = hf_bill.version + (hf_bill.guarded = 0);
DROP TRIGGER IF EXISTS {name del};
CREATE TRIGGER {name del} AFTER DELETE ON {table} FOR EACH ROW
  INSERT INTO hf_bill (type, id, version) SELECT '{type}', OLD.{bill}, 1 FROM DUAL WHERE OLD.{bill} IS NOT NULL{when OLD}
    ON DUPLICATE KEY UPDATE version = hf_bill.version + (hf_bill.guarded = 0);
