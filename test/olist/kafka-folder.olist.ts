import { realDataIn } from './real-data.js';

realDataIn('kafkaFolder');
