ALTER TABLE orders ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN job TEXT NOT NULL DEFAULT '';
UPDATE orders SET since = CASE WHEN ended_at > 0 THEN ended_at WHEN step > 0 THEN step / 1000 ELSE run / 1000 END;
CREATE INDEX orders_open ON orders (controller, id) WHERE gone = 0;
