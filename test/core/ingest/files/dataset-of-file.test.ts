import { describe, expect, it } from 'vitest';
import { datasetOfFile } from '../../../../src/core/ingest/files/dataset-of-file.js';

const datasets = ['orders', 'order_items', 'customers', 'category_translation'];

describe('dataset of a file', () => {
  it.each([
    ['/data/olist_orders_dataset.csv', 'orders'],
    ['olist_order_items_dataset.csv.gz', 'order_items'],
    ['product_category_name_translation.csv', 'category_translation'],
    ['customers.CSV', 'customers'],
    ['olist_sellers_dataset.csv', null],
    ['orders.txt', null],
    ['orders', null],
    ['.csv', null],
  ])('%s is %s', (file, dataset) => {
    expect(datasetOfFile(file, datasets)).toBe(dataset);
  });
});
