// A Modbus server by modbus-serial: what is written can be read back from both tables of its kind, addresses from 60000
// on do not exist, holding register 6000 counts how often it was read, and each write is noted in a file before it is
// answered.
'use strict'
const fs = require('fs')
const { ServerTCP } = require(process.env.MODBUS_SERIAL)

const [port, journal] = process.argv.slice(2)
const log = journal ? fs.openSync(journal, 'a') : undefined
const words = new Uint16Array(65536)
const bits = new Uint8Array(65536)
for (let i = 0; i < 4096; i++) {
  words[i] = (i * 40503) & 0xffff
  bits[i] = (i * 7 + (i >> 3)) & 1
}
// Floating-point numbers that are to be printed, first as high word first.
const special = Buffer.alloc(64)
special.writeFloatBE(1.1, 0)
special.writeFloatBE(-2.5e-7, 4)
special.writeFloatBE(NaN, 8)
special.writeFloatBE(Infinity, 12)
special.writeDoubleBE(1e21, 16)
special.writeDoubleBE(-1 / 3, 24)
special.writeBigUInt64BE(2n ** 64n - 1n, 32)
special.writeBigInt64BE(-(2n ** 63n), 40)
for (let i = 0; i < 32; i++) words[5000 + i] = special.readUInt16BE(2 * i)

const missing = 60000
const counter = 6000
const there = address => { if (address >= missing) throw { modbusErrorCode: 2, msg: 'no such address' } }
const note = text => { if (log !== undefined) fs.writeSync(log, text + '\n') }
// modbus-serial answers an exception that is given to the callback, but not one that is thrown by a handler with one.
const read = (table, address, callback) => {
  try { there(address); callback(null, table[address]) } catch (e) { callback(e) }
}
const write = (table, name, address, value, callback) => {
  try { there(address); note(`${name} ${address} ${Number(value)}`); table[address] = Number(value); callback(null) } catch (e) { callback(e) }
}
const server = new ServerTCP({
  getCoil: (address, unit, callback) => read(bits, address, callback),
  getDiscreteInput: (address, unit, callback) => read(bits, address, callback),
  getInputRegister: (address, unit, callback) => read(words, address, callback),
  getHoldingRegister: (address, unit, callback) => {
    if (address === counter) words[counter]++
    read(words, address, callback)
  },
  setCoil: (address, value, unit, callback) => write(bits, 'coil', address, value, callback),
  setRegister: (address, value, unit, callback) => write(words, 'register', address, value, callback),
}, { host: '127.0.0.1', port: Number(port), unitID: 1 })
server.on('serverError', e => { console.error(e); process.exit(1) })
server.on('socketError', () => {}) // a client that goes away
