/** One JSON object a line on standard output: what journald and log shippers like best. */
export function createLog(server, write = (line) => process.stdout.write(`${line}\n`)) {
  const at = (level) => (message, fields = {}) =>
    write(JSON.stringify({ time: new Date().toISOString(), level, server, message, ...fields }));
  return { info: at('info'), warn: at('warn'), error: at('error') };
}
