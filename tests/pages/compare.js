// Arguments: two pictures in base64, the columns of the grid, the rows that text may have moved; `done`.
const [sources, columns, shift, done] = arguments;

async function loaded(source) {
  const image = new Image();
  image.src = "data:image/png;base64," + source;
  await image.decode();
  return image;
}

function colours(image, rows) {
  const context = new OffscreenCanvas(columns, rows).getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, columns, rows);
  const { data } = context.getImageData(0, 0, columns, rows);
  return Array.from({ length: rows }, (_, row) => data.slice(row * columns * 4, (row + 1) * columns * 4));
}

function difference(one, other) {
  return one.reduce((total, value, at) => total + Math.abs(value - other[at]), 0);
}

const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);

async function compare() {
  const images = await Promise.all(sources.map(loaded));
  const rows = Math.round((images[0].height * columns) / images[0].width);
  const [recorded, taken] = images.map((image) => colours(image, rows));
  const least = recorded.map((line, row) => {
    const near = taken.slice(Math.max(0, row - shift), row + shift + 1);
    return Math.min(...near.map((other) => difference(line, other)));
  });
  // In proportion to what there is to see: most of a page is empty.
  const empty = recorded[0].map((_, at) => recorded[rows - 1][at % 4]);
  const content = sum(recorded.map((line) => difference(line, empty)));
  return { share: sum(least) / content, height: images[1].height / images[0].height };
}

compare().then(done, (error) => done({ error: String(error) }));
