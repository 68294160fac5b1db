-- The source tables, as they are in the OLTP database. For your own: pg_dump --schema-only --table=… will do.
CREATE TABLE customer (
  customer_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  country char(2)
);

CREATE TABLE purchase (
  purchase_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customer,
  amount numeric(12,2) NOT NULL,
  purchased_at timestamptz NOT NULL DEFAULT now()
);

-- An index on the join column of the table that does not have it as its primary key.
CREATE INDEX purchase_customer_id ON purchase (customer_id, purchase_id);

-- Updates and deletes must carry the whole old row.
ALTER TABLE customer REPLICA IDENTITY FULL;
ALTER TABLE purchase REPLICA IDENTITY FULL;
