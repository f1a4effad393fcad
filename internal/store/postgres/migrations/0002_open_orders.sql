ALTER TABLE orders ADD COLUMN since bigint NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN label bytea NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN job bytea NOT NULL DEFAULT '';
UPDATE orders SET since = CASE WHEN ended_at > 0 THEN ended_at WHEN step > 0 THEN step / 1000 ELSE run / 1000 END;
CREATE INDEX orders_open ON orders (controller, id) WHERE gone = 0;
