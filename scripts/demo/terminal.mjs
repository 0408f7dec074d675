import pc from 'picocolors';

/** Coloured on a terminal, plain text in a pipe. */
const colours = pc.createColors(process.stdout.isTTY === true && process.env.NO_COLOR === undefined);
const LABEL_WIDTH = 12;

export const say = {
  title: (text) => console.log(`\n${colours.bold(text)}\n`),
  step: (number, text) => console.log(`\n${colours.cyan(`${number}.`)} ${colours.bold(text)}`),
  fact: (label, text) => console.log(`   ${colours.dim(label.padEnd(LABEL_WIDTH))} ${text}`),
  good: (label, text) => say.fact(label, colours.green(text)),
  bad: (label, text) => say.fact(label, colours.yellow(text.replaceAll('\n', `\n${' '.repeat(LABEL_WIDTH + 4)}`))),
  failure: (text) => console.error(`\n${colours.red('The demo failed:')} ${text}`),
};

/** Both addresses, and the commands to try next. */
export function showCommands({ url, workspace }) {
  const { typedCommand, socket } = workspace;
  say.title('The server keeps running. Press Ctrl-C to stop it.');
  say.fact('MCP', url);
  say.fact('admin', socket);
  console.log('\n   Try, in another terminal:\n');
  for (const command of [
    `curl --unix-socket ${socket} http://localhost/status`,
    curlToolCall(url),
    `${typedCommand} admin reload --socket ${socket}`,
  ]) {
    console.log(`   ${colours.green(command)}\n`);
  }
}

function curlToolCall(url) {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'earthquakes_near_airport', arguments: { iata: 'ANC', limit: 3 } },
  });
  const accept = 'application/json, text/event-stream';
  return `curl -s ${url} -H 'Content-Type: application/json' -H 'Accept: ${accept}' -d '${body}'`;
}
