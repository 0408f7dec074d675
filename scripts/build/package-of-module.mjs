const PACKAGE = /^(.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+))[\\/]/;

/** The package that an installed file belongs to; undefined for files of mxcp. */
export function packageNameOf(module) {
  return PACKAGE.exec(module)?.[2];
}

/** The folder of that package. */
export function packageFolderOf(module) {
  return PACKAGE.exec(module)?.[1];
}
