// All Norths with what they do now.
import { connectorList } from '../connector/table.js';

connectorList('north');
