/** Tables that two lakes of the demo's events must hold alike, row for row. */
export const COMPARED_TABLES = [
  'silver.customers',
  'silver.geolocation',
  'silver.order_items',
  'silver.order_payments',
  'silver.order_reviews',
  'silver.orders',
  'silver.products',
  'silver.sellers',
  'gold.fact_sales',
  'gold.fact_reviews',
  'gold.daily_regional_sales',
  'gold.dim_customer',
];
