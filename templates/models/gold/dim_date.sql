-- Every calendar day from the first to the last purchase.
-- grain: full_date
-- inputs: silver.orders
SELECT
  CAST(year(t.full_date) * 10000 + month(t.full_date) * 100 + day(t.full_date) AS INTEGER) AS date_key,
  t.full_date,
  CAST(year(t.full_date) AS INTEGER) AS year,
  CAST(quarter(t.full_date) AS INTEGER) AS quarter,
  CAST(month(t.full_date) AS INTEGER) AS month,
  CAST(day(t.full_date) AS INTEGER) AS day,
  CAST(day_of_week(t.full_date) AS INTEGER) AS day_of_week,
  CAST(week(t.full_date) AS INTEGER) AS week_of_year,
  day_of_week(t.full_date) >= 6 AS is_weekend
FROM (
  SELECT CAST(d.day AS DATE) AS full_date
  FROM (
    SELECT CAST(min(order_purchase_timestamp) AS DATE) AS first_day, CAST(max(order_purchase_timestamp) AS DATE) AS last_day
    FROM {{ ref('silver.orders') }}
  ) AS span
  CROSS JOIN UNNEST(sequence(span.first_day, span.last_day, INTERVAL '1' DAY)) AS d (day)
) AS t
