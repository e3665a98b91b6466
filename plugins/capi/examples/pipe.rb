# stormtag from Ruby, through a pipe: sends events to a program and reads them enriched. Usage: pipe.rb stormtag -c stormtag.toml enrich
require "open3"

EVENT = %({"ts":1705081509,"query":"www.harvest-mail.example"}\n)

status = Open3.popen2(*ARGV) do |to, from, program|
  # In a thread of its own: the program may wait until somebody reads before it takes more.
  sender = Thread.new do
    to.write(EVENT)
    to.close
  end
  from.each_line { |event| puts event }
  sender.join
  program.value
end
exit status.success?
