-- Customers by recency, frequency and money of their delivered orders that have items, as of a day.
-- R: days from the date of the last purchase up to then; F: orders; M: price + freight. The first segment that fits is taken.
-- grain: segment; inputs: gold.fact_sales; parameter: {{ as_of }}
SELECT segment, count(*) AS customers, CAST(sum(money) AS DECIMAL(18, 2)) AS money
FROM (
  SELECT
    money,
    CASE
      WHEN f >= 3 AND r >= 4 THEN 'champion'
      WHEN f >= 3 AND r >= 2 THEN 'loyal'
      WHEN f >= 3 THEN 'at_risk'
      WHEN r >= 4 AND m >= 4 THEN 'new_big_spender'
      WHEN r >= 4 THEN 'new'
      WHEN r >= 2 THEN 'cooling'
      WHEN m >= 4 THEN 'lost_big_spender'
      ELSE 'lost'
    END AS segment
  FROM (
    SELECT
      money,
      CASE WHEN days <= 90 THEN 5 WHEN days <= 180 THEN 4 WHEN days <= 270 THEN 3 WHEN days <= 365 THEN 2 ELSE 1 END AS r,
      CASE WHEN orders >= 3 THEN 5 WHEN orders = 2 THEN 3 ELSE 1 END AS f,
      CASE WHEN money >= 400 THEN 5 WHEN money >= 200 THEN 4 WHEN money >= 100 THEN 3 WHEN money >= 50 THEN 2 ELSE 1 END AS m
    FROM (
      SELECT
        customer_unique_id,
        date_diff('day', max(purchase_date), DATE '{{ as_of }}') AS days,
        count(DISTINCT order_id) AS orders,
        CAST(sum(total) AS DECIMAL(18, 2)) AS money
      FROM {{ ref('gold.fact_sales') }}
      WHERE order_status = 'delivered' AND customer_unique_id IS NOT NULL AND purchase_date <= DATE '{{ as_of }}'
      GROUP BY customer_unique_id
    ) AS customers
  ) AS scores
) AS segments
GROUP BY segment
ORDER BY segment
