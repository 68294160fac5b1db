-- A shop at work, for the tables of oltp.sql: rows to begin with, then changes for a while.
--
--   bin/psql.sh oltp <schemas/examples/orders/load.sql
--   bin/psql.sh oltp -v seconds=600 -v rate=200 <schemas/examples/orders/load.sql
--
-- Of 1,000 transactions about 400 place an order with its lines, 290 move an order on (paid, shipped, cancelled), 150
-- add, change or remove a line, 90 change a price, 50 rename a customer or let one move to another country, 19 remove an
-- order, and one adds a product or renames a country.
\set ON_ERROR_STOP on
\set QUIET on
\if :{?seconds} \else \set seconds 60 \endif
\if :{?rate} \else \set rate 20 \endif
\if :{?customers} \else \set customers 1000 \endif
\if :{?products} \else \set products 200 \endif
\if :{?orders} \else \set orders 2000 \endif
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
SELECT set_config('load.seconds', :'seconds', false), set_config('load.rate', :'rate', false) \g /dev/null

-- What there is at the start; a second run goes on with what the first one left.
BEGIN;
INSERT INTO countries
SELECT * FROM (VALUES ('AT', 'Austria'), ('BR', 'Brazil'), ('CH', 'Switzerland'), ('DE', 'Germany'), ('DK', 'Denmark'),
  ('ES', 'Spain'), ('FR', 'France'), ('GB', 'United Kingdom'), ('IN', 'India'), ('IT', 'Italy'), ('JP', 'Japan'),
  ('KE', 'Kenya'), ('NL', 'Netherlands'), ('NO', 'Norway'), ('NZ', 'New Zealand'), ('PL', 'Poland'), ('PT', 'Portugal'),
  ('SE', 'Sweden'), ('US', 'United States'), ('ZA', 'South Africa')) c (code, title)
ON CONFLICT DO NOTHING;
INSERT INTO customers (name, country_code)
SELECT 'Customer ' || g, CASE WHEN g % 50 > 0 THEN (ARRAY['AT', 'BR', 'CH', 'DE', 'ES', 'FR', 'GB', 'IN', 'US'])[g % 9 + 1] END
FROM generate_series(1, :customers) g
WHERE (SELECT count(*) FROM customers) < :customers;
INSERT INTO products (title, price)
SELECT 'Product ' || g, round((random() * 100)::numeric, 2)
FROM generate_series(1, :products) g
WHERE (SELECT count(*) FROM products) < :products;
CREATE TEMP TABLE some_customers AS SELECT row_number() OVER () AS place, customer_id FROM customers;
CREATE TEMP TABLE some_products AS SELECT row_number() OVER () AS place, product_id FROM products;
WITH placed AS (
  INSERT INTO orders (customer_id, status, placed_at)
  SELECT c.customer_id, (ARRAY['draft', 'placed', 'paid', 'shipped'])[g % 4 + 1], now() - g * interval '1 minute'
  FROM generate_series(1, :orders) g
  JOIN some_customers c ON c.place = g % (SELECT count(*) FROM some_customers) + 1
  WHERE (SELECT count(*) FROM orders) < :orders
  RETURNING order_id
)
INSERT INTO order_items
SELECT o.order_id, n, p.product_id, 1 + (o.order_id + n) % 4
FROM placed o, generate_series(1, 4) n, some_products p
WHERE p.place = (o.order_id * 7 + n * 13) % (SELECT count(*) FROM some_products) + 1;
COMMIT;

SELECT format('%s orders with %s lines. Now changes: %s a second for %s seconds.',
  (SELECT count(*) FROM orders), (SELECT count(*) FROM order_items), :'rate', :'seconds');

DO $$
DECLARE
  began timestamptz := clock_timestamp();
  seconds float := current_setting('load.seconds');
  rate float := current_setting('load.rate');
  customer_ids bigint[] := ARRAY(SELECT customer_id FROM customers ORDER BY 1);
  product_ids bigint[] := ARRAY(SELECT product_id FROM products ORDER BY 1);
  codes text[] := ARRAY(SELECT code FROM countries ORDER BY 1);
  first_order bigint := (SELECT min(order_id) FROM orders);
  done bigint := 0;
  dice float;
  customer bigint;
  product bigint;
  chosen bigint;
BEGIN
  WHILE clock_timestamp() < began + seconds * interval '1 second' LOOP
    dice := random() * 1000;
    customer := customer_ids[1 + floor(random() * cardinality(customer_ids))];
    product := product_ids[1 + floor(random() * cardinality(product_ids))];
    -- The newest orders change most.
    chosen := (SELECT max(order_id) FROM orders);
    chosen := chosen - floor(random() ^ 3 * (chosen - first_order));
    chosen := (SELECT order_id FROM orders WHERE order_id >= chosen ORDER BY order_id LIMIT 1);
    IF dice < 400 OR chosen IS NULL THEN
      INSERT INTO orders (customer_id, status, placed_at)
      VALUES (customer, CASE WHEN random() < 0.3 THEN 'draft' ELSE 'placed' END, clock_timestamp())
      RETURNING order_id INTO chosen;
      INSERT INTO order_items
      SELECT chosen, n, product_ids[1 + floor(random() * cardinality(product_ids))], 1 + floor(random() * 5)
      FROM generate_series(1, 1 + floor(random() * 5)::int) n;
    ELSIF dice < 690 THEN
      UPDATE orders SET status = CASE status WHEN 'draft' THEN 'placed' WHEN 'placed' THEN 'paid' WHEN 'paid' THEN 'shipped'
                                   WHEN 'shipped' THEN 'cancelled' ELSE 'draft' END WHERE order_id = chosen;
    ELSIF dice < 740 THEN
      INSERT INTO order_items
      SELECT chosen, coalesce(max(line_no), 0) + 1, product, 1 FROM order_items WHERE order_id = chosen;
    ELSIF dice < 800 THEN
      UPDATE order_items SET quantity = quantity % 9 + 1
      WHERE order_id = chosen AND line_no = (SELECT min(line_no) FROM order_items WHERE order_id = chosen);
    ELSIF dice < 840 THEN
      DELETE FROM order_items
      WHERE order_id = chosen AND line_no = (SELECT max(line_no) FROM order_items WHERE order_id = chosen);
    ELSIF dice < 930 THEN
      UPDATE products SET price = round((price * (0.9 + random() * 0.2))::numeric, 2) + 0.01 WHERE product_id = product;
    ELSIF dice < 960 THEN
      UPDATE customers SET name = 'Customer ' || customer_id || ' ' || chr(65 + floor(random() * 26)::int)
      WHERE customer_id = customer;
    ELSIF dice < 980 THEN
      UPDATE customers SET country_code = codes[1 + floor(random() * cardinality(codes))] WHERE customer_id = customer;
    ELSIF dice < 999 THEN
      DELETE FROM orders WHERE order_id = chosen;
    ELSIF random() < 0.5 THEN
      INSERT INTO products (title, price) VALUES ('Product of ' || clock_timestamp()::time(0), round((random() * 100)::numeric, 2));
    ELSE
      UPDATE countries SET title = CASE WHEN title LIKE 'Republic of %' THEN substr(title, 13) ELSE 'Republic of ' || title END
      WHERE code = codes[1 + floor(random() * cardinality(codes))];
    END IF;
    COMMIT;
    done := done + 1;
    PERFORM pg_sleep(greatest(0, extract(epoch FROM began - clock_timestamp()) + done / rate));
  END LOOP;
  PERFORM set_config('load.done', done::text, false);
END $$;
SELECT current_setting('load.done') || ' transactions.';
