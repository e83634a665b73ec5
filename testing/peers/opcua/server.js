// A server of OPC UA that nobody of this project wrote: node-opcua, with variables of all types, history, users and
// certificates. It is started as: node server.js FOLDER-OF-NODE-OPCUA '{"port":…,"dir":…}'
"use strict";
const [, , modules, text] = process.argv;
const options = JSON.parse(text);
const opcua = require(modules);
const fs = require("fs");
const path = require("path");
const {
  OPCUAServer, OPCUACertificateManager, Variant, DataType, VariantArrayType, StatusCodes, DataValue,
  SecurityPolicy, MessageSecurityMode, coerceInt64, coerceUInt64,
} = opcua;

async function main() {
  const pki = (name) => new OPCUACertificateManager({ rootFolder: path.join(options.dir, name), automaticallyAcceptUnknownCertificate: true });
  const server = new OPCUAServer({
    port: options.port, hostname: "127.0.0.1", resourcePath: "/UA", nodeset_filename: [opcua.nodesets.standard],
    serverCertificateManager: pki("pki"), userCertificateManager: pki("users"),
    allowAnonymous: options.anonymous !== false,
    securityModes: [MessageSecurityMode.None, MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
    securityPolicies: [SecurityPolicy.None, SecurityPolicy.Basic128Rsa15, SecurityPolicy.Basic256, SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep],
    userManager: { isValidUser: (user, password) => user === "oibus" && password === "pass word é" },
    serverInfo: { applicationUri: "urn:peer", productUri: "urn:peer" },
    maxConnectionsPerEndpoint: 50,
    buildInfo: { manufacturerName: "Peer", productName: "Peer", softwareVersion: "1.2.3", buildNumber: "42", buildDate: new Date() },
    serverCapabilities: {
      maxSessions: 100,
      operationLimits: { maxNodesPerRead: 100, maxNodesPerWrite: 100, maxNodesPerHistoryReadData: 10, maxMonitoredItemsPerCall: 500, ...options.limits },
    },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  const ns = space.getOwnNamespace();
  const folder = ns.addFolder(space.rootFolder.objects, { browseName: "Peer" });
  const types = {
    Boolean: true, SByte: -5, Byte: 200, Int16: -1234, UInt16: 54321, Int32: -123456, UInt32: 4000000000,
    Int64: coerceInt64(-5), UInt64: coerceUInt64(7), Float: 1.1, Double: 2.5, String: "text",
    DateTime: new Date("2024-01-15T10:00:00.000Z"), ByteString: Buffer.from([1, 2, 255]),
    Guid: "72962B91-FA75-4AE6-8D28-B404DC7DAF63", LocalizedText: { text: "hello" },
  };
  for (const [name, value] of Object.entries(types)) {
    ns.addVariable({ componentOf: folder, browseName: name, nodeId: `s=${name}`, dataType: name, minimumSamplingInterval: 20,
      value: { dataType: DataType[name], arrayType: VariantArrayType.Scalar, value } });
  }
  ns.addVariable({ componentOf: folder, browseName: "Array", nodeId: "s=Array", dataType: "Double", valueRank: 1,
    value: { dataType: DataType.Double, arrayType: VariantArrayType.Array, value: [1, 2.5, 3] } });
  ns.addVariable({ componentOf: folder, browseName: "Duration", nodeId: "s=Duration", dataType: "Duration", value: { dataType: DataType.Double, value: 1 } });
  ns.addVariable({ componentOf: folder, browseName: "Any", nodeId: "s=Any", dataType: "BaseDataType", value: { dataType: DataType.Int32, value: 1 } });
  ns.addVariable({ componentOf: folder, browseName: "ReadOnly", nodeId: "s=ReadOnly", dataType: "Int32", accessLevel: "CurrentRead", userAccessLevel: "CurrentRead",
    value: { dataType: DataType.Int32, value: 1 } });
  let broken = 0;
  ns.addVariable({ componentOf: folder, browseName: "Broken", nodeId: "s=Broken", dataType: "Int32", minimumSamplingInterval: 1000,
    value: { get: () => new Variant({ dataType: DataType.Int32, value: broken }),
      set: (v) => { if (v.value < 100) { return StatusCodes.BadCommunicationError; } broken = v.value; return StatusCodes.Good; } } });

  // What is written to the sinks is noted in a file, which survives the server.
  const notes = fs.openSync(path.join(options.dir, "written"), "a");
  for (let i = 0; i < 100; i++) {
    ns.addVariable({ componentOf: folder, browseName: `Sink${i}`, nodeId: `s=Sink${i}`, dataType: "Int32", minimumSamplingInterval: 1000,
      value: { get: () => new Variant({ dataType: DataType.Int32, value: 0 }),
        set: (v) => { fs.writeSync(notes, `${v.value}\n`); return StatusCodes.Good; } } });
  }

  // Writing EndSessions ends all sessions, as idleness would.
  ns.addVariable({ componentOf: folder, browseName: "EndSessions", nodeId: "s=EndSessions", dataType: "Int32", minimumSamplingInterval: 1000,
    value: { get: () => new Variant({ dataType: DataType.Int32, value: 0 }),
      set: () => { setTimeout(() => { for (const s of Object.values(server.engine._sessions)) { server.engine.closeSession(s.authenticationToken, true, "Timeout"); } }, 50); return StatusCodes.Good; } } });

  // Many for monitoring: Tick changes all of them when it is written.
  const many = [];
  for (let i = 0; i < (options.many || 0); i++) {
    many.push(ns.addVariable({ componentOf: folder, browseName: `M${i}`, nodeId: `s=M${i}`, dataType: "Int32", minimumSamplingInterval: 50, value: { dataType: DataType.Int32, value: 0 } }));
  }
  ns.addVariable({ componentOf: folder, browseName: "Tick", nodeId: "s=Tick", dataType: "Int32", minimumSamplingInterval: 1000,
    value: { get: () => new Variant({ dataType: DataType.Int32, value: 0 }),
      set: (v) => { for (const m of many) { m.setValueFromSource({ dataType: DataType.Int32, value: v.value }); } return StatusCodes.Good; } } });

  // History: value i at base + i * 100 ms, the same after each restart.
  const base = Date.parse(options.base || "2024-01-01T00:00:00.000Z");
  if (opcua.addAggregateSupport) { opcua.addAggregateSupport(space); }
  for (let h = 0; h < (options.histories || 0); h++) {
    const node = ns.addVariable({ componentOf: folder, browseName: `H${h}`, nodeId: `s=H${h}`, dataType: "Int32", value: { dataType: DataType.Int32, value: 0 } });
    space.installHistoricalDataNode(node, { maxOnlineValues: options.history + 1 });
    for (let i = 0; i < options.history; i++) {
      const at = new Date(base + i * 100);
      node.setValueFromSource({ dataType: DataType.Int32, value: i }, StatusCodes.Good, at);
    }
    if (opcua.installAggregateConfigurationOptions) {
      opcua.installAggregateConfigurationOptions(node, { percentDataBad: 100, percentDataGood: 100, stepped: false, treatUncertainAsBad: false, useSlopedExtrapolation: false });
    }
  }
  await server.start();
  console.log("READY");
  process.on("SIGTERM", () => server.shutdown(0).then(() => process.exit(0)));
  process.on("SIGINT", () => server.shutdown(0).then(() => process.exit(0)));
}
main().catch((e) => { console.error(e); process.exit(1); });
