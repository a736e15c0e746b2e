import { describe, expect, it } from 'vitest';
import { datasetOfUpload, numberedName, uploadKind } from '../../../../src/core/ingest/uploads/upload-name.js';

const datasets = ['orders', 'order_items', 'category_translation'];

describe('an uploaded file’s name', () => {
  it.each([
    ['orders.csv', 'csv'],
    ['ORDERS.CSV.GZ', 'csv'],
    ['orders.ndjson', 'ndjson'],
    ['orders.jsonl.gz', 'ndjson'],
  ])('%s is %s', (name, format) => {
    expect(uploadKind(name)).toEqual({ kind: 'upload', format });
  });

  it.each([
    ['orders.csv.part', 'temporary'],
    ['orders.csv.tmp', 'temporary'],
    ['.orders.csv.Xy12', 'temporary'],
    ['~$orders.csv', 'temporary'],
    ['orders.csv~', 'temporary'],
    ['orders.gz', 'unclear'],
    ['orders.xlsx', 'other'],
    ['orders.csv.report.json', 'other'],
  ])('%s is %s', (name, kind) => {
    expect(uploadKind(name).kind).toBe(kind);
  });

  it.each([
    ['orders.csv', 'orders'],
    ['olist_orders_dataset.csv', 'orders'],
    ['orders-2017-10-02.csv.gz', 'orders'],
    ['orders_3.ndjson', 'orders'],
    ['orders~2.jsonl', 'orders'],
    ['order_items_20171002.csv', 'order_items'],
    ['product_category_name_translation.csv', 'category_translation'],
    ['orders/monday.ndjson', 'orders'],
    ['inbox/orders.csv', 'orders'],
    ['orders/order_items.csv', 'orders'],
    ['orders_old.csv', null],
    ['constructor.csv', null],
    ['inbox/monday.csv', null],
  ])('%s holds %s', (name, dataset) => {
    expect(datasetOfUpload(name, undefined, datasets)).toBe(dataset);
  });

  it('matters less than the dataset that was asked for', () => {
    expect(datasetOfUpload('orders.csv', 'order_items', datasets)).toBe('order_items');
  });

  it('still says its dataset and format with a number', () => {
    expect(numberedName('orders.csv.gz', 2)).toBe('orders~2.csv.gz');
    expect(numberedName('notes', 3)).toBe('notes~3');
    expect(datasetOfUpload(numberedName('orders.csv', 12), undefined, datasets)).toBe('orders');
  });
});
