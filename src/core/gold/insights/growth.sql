-- Sales by purchase month, all statuses, and the growth of their price against the month listed before, in percent.
-- grain: purchase month; inputs: gold.fact_sales
SELECT
  purchase_month,
  orders,
  items,
  revenue,
  revenue_with_freight,
  round(
    CAST((revenue - lag(revenue) OVER (ORDER BY purchase_month)) * 100 AS DOUBLE)
    / NULLIF(CAST(lag(revenue) OVER (ORDER BY purchase_month) AS DOUBLE), 0),
    2
  ) AS growth_percent
FROM (
  SELECT
    date_format(order_purchase_timestamp, '%Y-%m') AS purchase_month,
    count(DISTINCT order_id) AS orders,
    count(*) AS items,
    CAST(sum(price) AS DECIMAL(18, 2)) AS revenue,
    CAST(sum(total) AS DECIMAL(18, 2)) AS revenue_with_freight
  FROM {{ ref('gold.fact_sales') }}
  WHERE order_purchase_timestamp IS NOT NULL
  GROUP BY 1
) AS months
ORDER BY purchase_month
