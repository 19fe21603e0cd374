// Search works in a folder too. A browser starts no worker from a file, so there the worker's script runs in a hidden
// frame of the page, which has what a worker has: messages in, messages out. Over http this does nothing.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super()
      this.waiting = []
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      this.frame.title = "search"
      document.documentElement.appendChild(this.frame)
      const inside = this.frame.contentWindow
      // The answers of a worker: to the page, and not to the frame itself.
      inside.postMessage = data => this.tell(this, data)
      const script = inside.document.createElement("script")
      script.src = new URL(address, location)
      script.onload = () => {
        for (const data of this.waiting) this.tell(inside, data)
        this.waiting = null
      }
      script.onerror = () => this.dispatchEvent(new Event("error"))
      inside.document.body.appendChild(script)
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data)
      else this.tell(this.frame.contentWindow, data)
    }

    // As between page and worker, the receiver is called later, and not while the sender runs.
    tell(receiver, data) {
      setTimeout(() => receiver.dispatchEvent(new MessageEvent("message", { data })))
    }

    terminate() {
      this.frame.remove()
    }
  }
}
