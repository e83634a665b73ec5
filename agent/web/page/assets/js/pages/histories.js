// All history queries with how far they are.
import '../history/list.js';
