import { realDataIn } from './real-data.js';

realDataIn('embedded');
