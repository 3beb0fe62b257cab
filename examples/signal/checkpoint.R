# Signals a checkpoint from R: call it after the model is saved.
checkpoint <- function() {
  root <- Sys.getenv("DVC_ROOT")
  if (root != "") {
    path <- file.path(root, ".dvc", "tmp", "DVC_CHECKPOINT")
    file.create(path)
    while (file.exists(path)) Sys.sleep(0.01)
  }
}
