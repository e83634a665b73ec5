// All Souths with what they do now.
import { connectorList } from '../connector/table.js';

connectorList('south');
