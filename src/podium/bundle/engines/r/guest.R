# Run by Rscript: loads an R model, then answers rows. The frames are those of worker/wire.py.
# Arguments: ask descriptor, answer descriptor, a file of lines: model, script, rows at once, then "type<TAB>feature".
given <- commandArgs(trailingOnly = TRUE)
.podium <- local({
  ask <- file(paste0("/dev/fd/", given[1]), "rb", raw = TRUE)
  answer <- file(paste0("/dev/fd/", given[2]), "wb", raw = TRUE)
  said <- readLines(given[3], encoding = "UTF-8")
  fields <- strsplit(said[-(1:3)], "\t", fixed = TRUE)

  little <- function(value) writeBin(as.integer(value), raw(), size = 4, endian = "little")
  send <- function(body) {
    writeBin(length(body), answer, size = 4, endian = "big")
    writeBin(body, answer)
    flush(answer)
  }
  words <- function(problem) {
    text <- charToRaw(enc2utf8(conditionMessage(problem)))
    text[seq_len(min(length(text), 2000))]
  }
  integers <- function(body, at, n) readBin(body[at + seq_len(4 * n)], "integer", n, size = 4, endian = "little")
  doubles <- function(body, at, n) readBin(body[at + seq_len(8 * n)], "double", n, size = 8, endian = "little")

  rows_of <- function(body) {
    n <- integers(body, 5, 1)
    at <- 9
    columns <- list()
    for (field in fields) {
      if (field[1] == "text") {
        lengths <- integers(body, at, n)
        at <- at + 4 * n
        held <- pmax(lengths, 0)
        total <- sum(held)
        texts <- rep("", n)
        if (total > 0) texts <- readChar(body[at + seq_len(total)], held, useBytes = TRUE)
        at <- at + total
        texts[lengths < 0] <- NA
        Encoding(texts) <- "UTF-8"
        columns[[field[2]]] <- texts
      } else {
        values <- doubles(body, at, n)
        at <- at + 8 * n
        values[is.nan(values)] <- NA
        columns[[field[2]]] <- if (field[1] == "boolean") as.logical(values) else values
      }
    }
    list2DF(columns, n)
  }
  scores_of <- function(model, rows) {
    found <- as.double(score(model, rows))
    if (length(found) != nrow(rows)) stop(length(found), " scores for ", nrow(rows), " rows")
    found[is.na(found)] <- NaN
    found
  }
  all_scores <- function(model, rows) {
    step <- as.integer(said[3])
    n <- nrow(rows)
    if (n == 0) return(double(0))
    if (step == 0 || step >= n) return(scores_of(model, rows))
    unlist(lapply(seq(1, n, step), function(from) scores_of(model, rows[from:min(n, from + step - 1), , drop = FALSE])))
  }
  reply <- function(model, body) {
    number <- body[2:5]
    tryCatch({
      found <- suppressWarnings(all_scores(model, rows_of(body)))
      c(charToRaw("S"), number, little(length(found)), writeBin(found, raw(), size = 8, endian = "little"))
    }, error = function(problem) {
      memory <- grepl("cannot allocate|memory exhausted", conditionMessage(problem))
      c(charToRaw(if (memory) "M" else "E"), number, words(problem))
    })
  }
  environment()
})
.podium$model <- tryCatch({
  source(.podium$said[2], encoding = "UTF-8")
  if (!is.function(score)) stop("the script defines no function score")
  if (nzchar(.podium$said[1])) readRDS(.podium$said[1]) else NULL
}, error = function(problem) {
  .podium$send(c(charToRaw("E"), .podium$little(0), .podium$words(problem)))
  quit(status = 1)
})
.podium$send(charToRaw("R"))
repeat {
  .podium$size <- readBin(.podium$ask, "integer", 1, size = 4, endian = "big")
  if (length(.podium$size) == 0) quit(status = 0)
  .podium$body <- readBin(.podium$ask, "raw", .podium$size)
  if (length(.podium$body) < .podium$size) quit(status = 0)
  .podium$send(.podium$reply(.podium$model, .podium$body))
}
