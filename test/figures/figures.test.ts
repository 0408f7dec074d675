import { describe, expect, it, onTestFinished } from 'vitest';
import { connectTo } from '../kit/mcp-client.js';
import { startPython } from '../kit/projects/python-server.js';
import { createProject, pythonTool } from '../kit/projects/temporary-project.js';
import { FIGURES_PYTHON } from './figure-packages.js';

const PYTHON = [
  'import io, sys',
  'import altair, matplotlib.figure, matplotlib.pyplot as plt, pandas, seaborn',
  'from PIL import Image',
  'from mxcp.runtime import mcp',
  'FRAME = pandas.DataFrame({"x": [1, 2, 3], "y": [3, 1, 2]})',
  'def pillow(): return Image.new("RGB", (40, 30), "red")',
  'def modes(): return [Image.new(mode, (4, 3)) for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F", "La", "RGBa")]',
  'def photograph():',
  '    buffer = io.BytesIO()',
  '    Image.new("RGB", (40, 30), "red").save(buffer, "JPEG")',
  '    read = Image.open(io.BytesIO(buffer.getvalue()))',
  '    return [read, read.resize((20, 15))]',
  'def figure():',
  '    made = matplotlib.figure.Figure()',
  '    made.subplots().plot([1, 3, 2])',
  '    return made',
  'def of_pyplot():',
  '    made, axes = plt.subplots()',
  '    axes.plot([1, 3, 2])',
  '    return ["A line", made]',
  'def open_figures(): return plt.get_fignums()',
  'def of_pandas(): return FRAME.plot(x="x", y="y")',
  'def of_seaborn(): return seaborn.relplot(FRAME, x="x", y="y")',
  'def nested():',
  '    made, (left, right) = plt.subplots(1, 2)',
  '    return mcp.Image(right, audience=["user"])',
  'def altair_chart(): return altair.Chart(FRAME).mark_bar().encode(x="x:O", y="y")',
  'def altair_layers():',
  '    chart = altair.Chart(FRAME).encode(x="x:O", y="y")',
  '    return [chart.mark_bar() + chart.mark_line(), altair.hconcat(chart.mark_bar(), chart.mark_point())]',
  'def altair_alone():',
  '    sys.modules["vl_convert"] = None',
  '    return altair.Chart(FRAME).mark_bar().encode(x="x:O", y="y")',
  'def misplaced(): return {"chart": Image.new("L", (1, 1))}',
];

const names = PYTHON.flatMap((line) => /^def (\w+)/.exec(line)?.[1] ?? []);

async function openCaller(code: readonly string[], tools: readonly string[]) {
  const files = tools.map((name) => [`tools/${name}.yml`, pythonTool(name, 'python/drawing.py')]);
  const project = createProject({ 'python/drawing.py': code, ...Object.fromEntries(files) });
  const server = await startPython(project, { flags: { python: FIGURES_PYTHON } });
  const client = await connectTo(server.url);
  onTestFinished(() => client.close());
  return (name: string) => client.callTool({ name, arguments: {} });
}

type Caller = Awaited<ReturnType<typeof openCaller>>;

/** The type and the size in pixels of each image; of other blocks the type. */
async function drawn(call: Caller, name: string): Promise<readonly unknown[]> {
  const { content, isError } = await call(name);
  if (isError === true) throw new Error(JSON.stringify(content));
  return content.map((block) => {
    if (block.type !== 'image') return block.type;
    const bytes = Buffer.from(block.data, 'base64');
    if (block.mimeType !== 'image/png') return [block.mimeType, bytes.subarray(0, 3).toString('hex')];
    expect(bytes.subarray(1, 4).toString()).toBe('PNG');
    return [block.mimeType, bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  });
}

const PNG = ['image/png', expect.any(Number), expect.any(Number)];

describe('a figure that a function returns is an image', () => {
  it('of Pillow, whatever its mode', async () => {
    const call = await openCaller(PYTHON, names);
    expect(await drawn(call, 'pillow')).toEqual([['image/png', 40, 30]]);
    expect(await drawn(call, 'modes')).toEqual(Array.from({ length: 12 }, () => ['image/png', 4, 3]));
    expect(await drawn(call, 'photograph')).toEqual([
      ['image/jpeg', 'ffd8ff'],
      ['image/png', 20, 15],
    ]);
    expect((await call('misplaced')).content).toEqual([
      {
        type: 'text',
        text: expect.stringContaining('result.chart is of type "Image": content must be the whole result'),
      },
    ]);
  });

  it('of matplotlib, pandas and seaborn, and pyplot keeps none of them', async () => {
    const call = await openCaller(PYTHON, names);
    for (const name of ['figure', 'of_pandas', 'of_seaborn']) expect(await drawn(call, name)).toEqual([PNG]);
    expect(await drawn(call, 'of_pyplot')).toEqual(['text', PNG]);
    expect((await call('nested')).content).toMatchObject([{ type: 'image', annotations: { audience: ['user'] } }]);
    expect((await call('open_figures')).structuredContent).toEqual({ result: [] });
  });

  it('of Altair, which needs the package that draws it', async () => {
    const call = await openCaller(PYTHON, names);
    expect(await drawn(call, 'altair_chart')).toEqual([PNG]);
    expect(await drawn(call, 'altair_layers')).toEqual([PNG, PNG]);
    const { content, isError } = await call('altair_alone');
    expect(isError).toBe(true);
    expect(content).toEqual([
      { type: 'text', text: expect.stringContaining('requires the vl-convert-python package') },
    ]);
  });
});

it('the server imports none of these packages', async () => {
  const code = [
    'import sys',
    'from mxcp.runtime import mcp',
    'PNG = b"\\x89PNG\\r\\n\\x1a\\n"',
    'def image(): return mcp.Image(PNG)',
    'def imported(): return [name for name in ("PIL", "matplotlib", "altair", "seaborn", "numpy") if name in sys.modules]',
  ];
  const call = await openCaller(code, ['image', 'imported']);
  expect((await call('image')).content).toMatchObject([{ type: 'image' }]);
  expect((await call('imported')).structuredContent).toEqual({ result: [] });
});
