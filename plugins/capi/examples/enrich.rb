# stormtag from Ruby, by Fiddle, which comes with it: prints an event with what is known of it. Usage: enrich.rb stormtag.toml
require "fiddle/import"

module Stormtag
  extend Fiddle::Importer
  dlload "libstormtag.so.1"
  extern "const char *stormtag_last_error()"
  extern "int stormtag_open(const char *, void *)"
  extern "int stormtag_close(void *)"
  extern "int stormtag_worker_open(void *, void *)"
  extern "int stormtag_worker_close(void *)"
  extern "int stormtag_enrich_json(void *, const char *, size_t, void *, void *, void *)"

  # What the library says of a call that failed.
  class Error < StandardError; end

  def self.check(status)
    raise Error, stormtag_last_error.to_s unless status.zero?
  end

  # What a call writes: a pointer, or a number.
  def self.out
    Fiddle::Pointer.malloc(Fiddle::SIZEOF_VOIDP, Fiddle::RUBY_FREE).tap { |cell| cell[0, Fiddle::SIZEOF_VOIDP] = "\0" * Fiddle::SIZEOF_VOIDP }
  end

  def self.number(cell)
    cell[0, Fiddle::SIZEOF_SIZE_T].unpack1("J")
  end

  # One for each thread.
  class Worker
    def initialize(config)
      Stormtag.check(Stormtag.stormtag_worker_open(config, cell = Stormtag.out))
      @worker = cell.ptr
      @out, @length, @matched = Array.new(3) { Stormtag.out }
    end

    def enrich_json(line)
      Stormtag.check(Stormtag.stormtag_enrich_json(@worker, line, line.bytesize, @out, @length, @matched))
      # Copied: it stays until the next call only.
      [@out.ptr[0, Stormtag.number(@length)].force_encoding("UTF-8"), Stormtag.number(@matched).positive?]
    end

    def close
      Stormtag.check(Stormtag.stormtag_worker_close(@worker))
    end
  end
end

Stormtag.check(Stormtag.stormtag_open(ARGV.fetch(0), cell = Stormtag.out))
config = cell.ptr
worker = Stormtag::Worker.new(config)
event, matched = worker.enrich_json('{"ts":1705081509,"query":"www.harvest-mail.example"}')
raise "no match" unless matched
puts event
worker.close
Stormtag.check(Stormtag.stormtag_close(config))
