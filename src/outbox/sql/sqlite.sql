-- The outbox of Holdfast, for SQLite. Run it once in the ERP's own database.
CREATE TABLE IF NOT EXISTS holdfast_outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,         -- an id is never used again
  event TEXT NOT NULL,                          -- one event as status.publish takes it: a JSON object
  written_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  refused TEXT                                  -- why the server will not have it; null: to be sent
);
CREATE INDEX IF NOT EXISTS holdfast_outbox_waiting ON holdfast_outbox (id) WHERE refused IS NULL;

-- Who relays: the row that fences off a relay that was taken for dead.
CREATE TABLE IF NOT EXISTS holdfast_outbox_relay (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  fence INTEGER NOT NULL,                       -- grows whenever another relay takes over
  beat INTEGER NOT NULL,                        -- grows while that relay lives
  holder TEXT NOT NULL,                         -- its name, for people; empty: it has gone
  flight TEXT NOT NULL                          -- the rows that it may have published: their ids
);
INSERT INTO holdfast_outbox_relay (id, fence, beat, holder, flight) VALUES (1, 0, 0, '', '')
  ON CONFLICT (id) DO NOTHING;
