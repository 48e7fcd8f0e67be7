-- The outbox of Holdfast, for MySQL 8 and MariaDB 10.6, InnoDB. Run it once in the ERP's own database.
CREATE TABLE IF NOT EXISTS holdfast_outbox (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  event mediumtext CHARACTER SET utf8mb4 NOT NULL,  -- one event as status.publish takes it: a JSON object
  written_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  refused text CHARACTER SET utf8mb4 NULL           -- why the server will not have it; null: to be sent
) ENGINE = InnoDB;
