-- The outbox of Holdfast, for PostgreSQL. Run it once in the ERP's own database.
CREATE TABLE IF NOT EXISTS holdfast_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event text NOT NULL,                          -- one event as status.publish takes it: a JSON object
  written_at timestamptz NOT NULL DEFAULT now(),
  refused text                                  -- why the server will not have it; null: to be sent
);
CREATE INDEX IF NOT EXISTS holdfast_outbox_waiting ON holdfast_outbox (id) WHERE refused IS NULL;

-- Who relays: the row that fences off a relay that was taken for dead.
CREATE TABLE IF NOT EXISTS holdfast_outbox_relay (
  id integer PRIMARY KEY CHECK (id = 1),
  fence bigint NOT NULL,                        -- grows whenever another relay takes over
  beat bigint NOT NULL,                         -- grows while that relay lives
  holder text NOT NULL,                         -- its name, for people; empty: it has gone
  flight text NOT NULL                          -- the rows that it may have published: their ids
);
INSERT INTO holdfast_outbox_relay (id, fence, beat, holder, flight) VALUES (1, 0, 0, '', '')
  ON CONFLICT (id) DO NOTHING;
