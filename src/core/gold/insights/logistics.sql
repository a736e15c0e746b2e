-- Deliveries by the customer's state, slowest first: delivered orders that have a delivery time.
-- grain: customer state; inputs: gold.daily_regional_sales
SELECT
  customer_state,
  deliveries,
  round(CAST(delivery_seconds AS DOUBLE) / 86400E0 / NULLIF(CAST(deliveries AS DOUBLE), 0), 2) AS delivery_days,
  on_time,
  on_time_by_date,
  round(CAST(on_time * 100 AS DOUBLE) / NULLIF(CAST(deliveries AS DOUBLE), 0), 2) AS on_time_percent
FROM (
  SELECT
    customer_state,
    CAST(sum(timed_deliveries) AS BIGINT) AS deliveries,
    CAST(sum(delivery_seconds) AS BIGINT) AS delivery_seconds,
    CAST(sum(on_time_orders) AS BIGINT) AS on_time,
    CAST(sum(on_time_orders_by_date) AS BIGINT) AS on_time_by_date
  FROM {{ ref('gold.daily_regional_sales') }}
  GROUP BY customer_state
) AS states
WHERE deliveries > 0
ORDER BY delivery_days DESC, customer_state
