package agent

// ScriptWorker is the argument that makes this program a worker for scripts (package script).
const ScriptWorker = "script-worker"
