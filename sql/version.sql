-- cbr_version() names the extension's version, which is the control file's, and those of the libraries that run.
SELECT cbr_version() ~ '^cbr [0-9.]+, libcurl [0-9]+\.[0-9.]+, libxml2 2\.[0-9]+\.[0-9]+$' AS well_formed;
SELECT split_part(split_part(cbr_version(), ',', 1), ' ', 2) = extversion AS same_version
  FROM pg_extension WHERE extname = 'cbr';
